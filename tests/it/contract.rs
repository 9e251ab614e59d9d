//! What every source must do, whatever it is: one suite that runs over each subject of [`subjects`]. A third source is tested
//! by writing its `Subject` and listing it there.
//!
//! Each test runs the whole program: real sockets, a real store file, a real plan. The source is the sandbox's; a test
//! speaks to it through [`subject::Subject`] alone.

mod absence;
mod bench;
mod hubspot;
mod pages;
mod state;
mod strangers;
mod stripe;
mod subject;
mod trouble;

use subject::Subject;

/// Every source, with an empty sandbox of its own.
fn subjects() -> Vec<Box<dyn Subject>> {
    vec![Box::new(hubspot::Portal::empty()), Box::new(stripe::Account::empty())]
}
