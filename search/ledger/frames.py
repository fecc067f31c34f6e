"""Rows as Arrow tables, whatever their columns hold."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_table(rows: list[dict[str, Any]]) -> "pa.Table":
    """Rows as a table: a column is of numbers, of truth values, or else of texts. NaN is null."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _array([row.get(name) for row in rows]) for name in names})


def concatenated(tables: "list[pa.Table]") -> "pa.Table":
    """One below the other. A column that is of texts in one of them is of texts in all."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.concat_tables([_with_texts(table, _mixed(tables)) for table in tables], promote_options="permissive")


def _mixed(tables: "list[pa.Table]") -> set[str]:
    """Columns whose types have nothing in common."""
    import pyarrow as pa

    kinds: dict[str, set[str]] = {}
    for column in (column for table in tables for column in table.schema):
        number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if not pa.types.is_null(column.type):
            kinds.setdefault(column.name, set()).add("number" if number else str(column.type))
    return {name for name, found in kinds.items() if len(found) > 1}


def _with_texts(table: "pa.Table", names: set[str]) -> "pa.Table":
    for name in names & set(table.column_names):
        values = [None if value is None else str(value) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, _array(values))
    return table


def _array(values: list[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # texts and numbers, which Parquet has not
        return pa.array([value if value is None else str(value) for value in values], from_pandas=True)
