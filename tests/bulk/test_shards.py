from hypothesis import given
from hypothesis import strategies as st

from music_ner.bulk.shards import Shard, cut

BLOCKS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), max_size=8).map(
    lambda blocks: [(rows, size if rows else 0) for rows, size in blocks]
)


@given(BLOCKS, st.integers(1, 20), st.integers(1, 500))
def test_each_row_and_byte_is_in_one_run(blocks, max_rows, max_bytes):
    runs = [*cut(blocks, max_rows, max_bytes)]
    assert sum(rows for rows, _ in runs) == sum(rows for rows, _ in blocks)
    assert sum(size for _, size in runs) == sum(size for _, size in blocks)


@given(BLOCKS, st.integers(1, 20), st.integers(1, 500))
def test_no_run_is_empty_or_too_large(blocks, max_rows, max_bytes):
    for rows, size in cut(blocks, max_rows, max_bytes):
        assert 1 <= rows <= max_rows
        # Rows of a block count as equally long: rounding may add a byte for each block.
        assert rows == 1 or size <= max_bytes + len(blocks)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 20), st.integers(1, 500))
def test_runs_of_lines_end_only_where_the_next_line_has_no_room(lengths, max_rows, max_bytes):
    runs = [*cut([(1, length) for length in lengths], max_rows, max_bytes)]
    after = 0
    for rows, size in runs:
        assert size == sum(lengths[after : after + rows])
        assert rows == 1 or size <= max_bytes
        after += rows
        if after < len(lengths):
            assert rows == max_rows or size + lengths[after] > max_bytes


def test_a_large_block_is_cut_and_small_ones_are_joined():
    assert [rows for rows, _ in cut([(25, 250)], max_rows=10)] == [10, 10, 5]
    assert [rows for rows, _ in cut([(4, 40)] * 5, max_rows=10)] == [10, 10]
    assert [rows for rows, _ in cut([(10, 1000)], max_rows=10, max_bytes=300)] == [3, 3, 3, 1]


def test_the_order_of_names_is_that_of_shards():
    names = [Shard(number, 0, 0, 1, 1).name for number in (0, 9, 10, 99_999_999)]
    assert names == sorted(names)
