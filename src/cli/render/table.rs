//! Columns.

use comfy_table::{CellAlignment, Table, presets};

/// Rows under a header, columns two spaces apart: the first `left` to the left, the others, numbers, to the right.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>, left: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_header(header.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((if column.index == 0 { 0 } else { 2 }, 0));
        let is_left = column.index < left;
        column.set_cell_alignment(if is_left { CellAlignment::Left } else { CellAlignment::Right });
    }
    table.trim_fmt()
}
