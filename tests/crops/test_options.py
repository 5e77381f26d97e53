"""The options of this stage are those of the schema."""

from cwamsn.crops import ChannelMap, CropOptions

from ..schema_fields import assert_fields_match


def test_the_schema_and_the_options_have_the_same_keys_and_defaults():
    assert_fields_match(CropOptions, "crops")
    assert_fields_match(ChannelMap, "$defs", "channel-map")
