//! `sandbox`: the three APIs on loopback, to rehearse against until stopped.

use std::path::Path;

use crate::sandbox::hubspot::ObjectType;
use crate::sandbox::{HUBSPOT_TOKEN, Options, PIVOTAL_KEY, Ports, STRIPE_KEY, Sandbox, SandboxError, WORKSPACE};

use super::{Exit, Failure, SandboxArgs, print, session};

/// Serves until stopped. What goes to stdout is a configuration, ready to be used as it is.
pub(super) async fn run(args: &SandboxArgs) -> Result<Exit, Failure> {
    let port = |more: u16| if args.port_base == 0 { 0 } else { args.port_base + more };
    let options = Options {
        seed: args.seed,
        size: args.size as usize,
        pivotal_limit: args.rate_limit.0,
        ports: Ports { hubspot: port(0), stripe: port(1), pivotal: port(2) },
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await?;
    if args.rate_limit.0.is_none() {
        sandbox.lift_limits();
    }
    let config = configuration(&sandbox, Path::new("sandbox-state.db"));
    if let Some(file) = &args.config_out {
        std::fs::write(file, &config).map_err(|why| {
            Failure::new("output", format!("{} cannot be written: {why}", file.display()), "name another file")
        })?;
    }
    let file = args.config_out.as_deref().unwrap_or(Path::new("sandbox.toml"));
    print::show_as_is(&config)?;
    print::say(&instructions(&sandbox, file, args.config_out.is_some()));
    session::stop_on_signal().stop.cancelled().await;
    sandbox.stop().await;
    Ok(Exit::Done)
}

/// A configuration that points at a sandbox.
pub(super) fn configuration(sandbox: &Sandbox, store: &Path) -> String {
    format!(
        r#"# A configuration for the pivotal-sync sandbox. Its credentials, for the environment:
#   export PIVOTAL_API_KEY={PIVOTAL_KEY} HUBSPOT_TOKEN={HUBSPOT_TOKEN} STRIPE_API_KEY={STRIPE_KEY}

[store]
path = {store:?}

[pivotal]
base_url = "{}"
workspace = "{WORKSPACE}"
mrr_unit = "dollars"

[hubspot]
base_url = "{}"
lag = "0s"        # the sandbox shows changes at once; HubSpot itself does not

[stripe]
base_url = "{}"
lag = "0s"
"#,
        sandbox.pivotal_url(),
        sandbox.hubspot_url(),
        sandbox.stripe_url(),
        store = store.display().to_string(),
    )
}

fn instructions(sandbox: &Sandbox, file: &Path, written: bool) -> String {
    let (companies, contacts) = {
        let hubspot = sandbox.hubspot();
        (hubspot.ids(ObjectType::Company).count(), hubspot.ids(ObjectType::Contact).count())
    };
    let first = sandbox.hubspot().ids(ObjectType::Company).next().unwrap_or_default();
    let keep = if written { "is in" } else { "goes into" };
    format!(
        "
The sandbox is up: {companies} companies and {contacts} contacts, and what they pay.
The configuration above {keep} {file}; its first lines hold the credentials. Then, in another shell:

  pivotal-sync --config {file} check
  pivotal-sync --config {file} plan
  pivotal-sync --config {file} backfill

Change something, and sync again:

  curl -X POST {control}/change -H 'content-type: application/json' \\
       -d '{{\"change\":\"rename-company\",\"id\":\"{first}\",\"name\":\"Another name\"}}'
  pivotal-sync --config {file} sync

Ctrl-C stops it; nothing of it is kept.
",
        file = file.display(),
        control = sandbox.control_url(),
    )
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        use std::error::Error as _;
        let cause = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        Self::new("sandbox", format!("{error}{cause}"), "use free ports with --port-base 0, or name others")
    }
}
