//! Traps of the sheet, over the router.
