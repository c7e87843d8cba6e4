//! Routes in the kernel.

use super::super::table::{Column, Side, Table};
use super::joined;
use bgp_daemon::api::document::Kernel;

const COLUMNS: [Column; 4] =
    [("PREFIX", Side::Left), ("STATE", Side::Left), ("GATEWAYS", Side::Left), ("NOTE", Side::Left)];

/// An empty table of routes in the kernel.
pub(crate) fn kernel() -> Table<'static> {
    Table::new(&COLUMNS)
}

/// A route's line in it.
pub(crate) fn kernel_row(route: &Kernel) -> Vec<String> {
    vec![
        route.prefix.clone(),
        route.state.clone(),
        joined(&route.gateways, ", "),
        route.note.clone().unwrap_or_default(),
    ]
}

/// `kernel: installed, via 192.0.2.1 dev eth0`.
pub(crate) fn kernel_words(route: &Kernel) -> String {
    let note = route.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("kernel: {}, {}{note}", route.state, joined(&route.gateways, ", "))
}
