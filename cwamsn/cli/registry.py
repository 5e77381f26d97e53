"""The commands, in the order in which a user meets them. Standard library only: `cwamsn --help` reads this file."""

COMMANDS = {
    "init": "look at a folder of images and write the files that describe it as a screen",
    "check": "check a whole screen before anything long runs",
    "embed": "make profiles of a screen with a trained encoder",
    "align": "align profiles on their controls, or by a head that is learned from replicates",
    "neighbours": "list the perturbations nearest to one",
    "activity": "list the perturbations that differ from their controls",
    "plates": "show plates as heat maps, with pictures of their wells",
    "atlas": "write a page to look at a screen: a map, images, neighbours",
    "score": "score embeddings on benchmarks, as a run of the workflow does",
    "watch": "watch the trainings of a run: loss, prototypes in use, speed, time left",
    "inspect": "say what a file or folder of this project holds",
    "export": "export a trained encoder as a folder that loads without this package",
    "convert": "convert profiles and embeddings between table formats",
}
