"""Datasets without a key."""


def test_records_of_an_undescribed_dataset_are_appended(lake) -> None:
    outputs = lake.classified("legacy", "1st-odd", "a bigint, b string", [{"a": 1, "b": "x"}, {"a": 2, "b": None}])
    outputs += lake.classified("secured", "1st-odd", "a bigint", [{"a": 3, "_position": 3}])
    balance = lake.conform(outputs)["1st-odd"]
    assert (balance.records_in, balance.records_out, balance.legacy, balance.secured) == (3, 3, 2, 1)
    assert balance.tables == ["legacy.1st-odd", "secured.1st-odd"]
    assert [(row.a, row.b, row._position) for row in lake.rows("legacy", "1st-odd")] == [(1, "x", 1), (2, None, 2)]
    assert [row.a for row in lake.rows("secured", "1st-odd")] == [3]
