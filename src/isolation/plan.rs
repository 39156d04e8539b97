//! From what is asked for to what is done: which stages, which rules. Refuses where the machine does not give what was
//! asked for, unless less is allowed.

#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::container;
#[cfg(target_os = "linux")]
use super::namespaces::{TEMPORARY, Wanted};
#[cfg(target_os = "linux")]
use super::order::Folders;
#[cfg(unix)]
use super::order::{Order, Rules};
#[cfg(target_os = "linux")]
use super::trial;
use super::{Demand, Error, Level, Program, probe};

/// Namespaces of its own; elsewhere than on Linux there are none.
#[cfg(target_os = "linux")]
pub(super) type Namespaces = Wanted;
/// Namespaces of its own; elsewhere than on Linux there are none.
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) type Namespaces = std::convert::Infallible;

/// How the program is started.
pub(super) enum Plan {
    /// As it is, without a shim.
    Plain,
    /// Through the shim, in namespaces of its own where some are named.
    #[cfg(unix)]
    Kept { order: Box<Order>, namespaces: Option<Namespaces> },
}

/// Finds the plan.
pub(super) async fn make(program: &Program, demand: &Demand) -> Result<Plan, Error> {
    let level = level(program, demand).await?;
    #[cfg(unix)]
    {
        at_level(level, program, demand).await
    }
    // There a job object ends the child with us, and what asks for more was refused above.
    #[cfg(not(unix))]
    {
        tracing::debug!(server.name = program.server, %level, "started with a job object");
        Ok(Plan::Plain)
    }
}

#[cfg(unix)]
async fn at_level(level: Level, program: &Program, demand: &Demand) -> Result<Plan, Error> {
    let order = Order {
        program: program.file.clone(),
        args: program.args.clone(),
        env: program.env.clone(),
        cwd: program.cwd.clone(),
        rules: Rules {
            files_max: demand.files_max,
            data_bytes_max: demand.memory_bytes_max.map(with_headroom),
            ..Rules::default()
        },
    };
    let kept = |order, namespaces| Ok(Plan::Kept { order: Box::new(order), namespaces });
    if matches!(level, Level::None | Level::Basic) {
        refuse_what_only_a_sandbox_gives(level, demand)?;
    }
    match level {
        Level::None => Ok(Plan::Plain),
        Level::Basic => kept(order, None),
        // There no level above the first two can be had, so none is asked for here.
        #[cfg(not(target_os = "linux"))]
        Level::Standard | Level::Strict => kept(order, None),
        #[cfg(target_os = "linux")]
        Level::Standard => {
            let facts = trial::facts().await;
            let wanted = Wanted { user: facts.need_user, network: false };
            kept(confined(order, demand, level), facts.namespaces.is_ok().then_some(wanted))
        }
        #[cfg(target_os = "linux")]
        Level::Strict => {
            let facts = trial::facts().await;
            let order = confined(order, demand, level);
            match (&facts.namespaces, trial::bubblewrap()) {
                (Err(why), Some(_)) if !demand.read_folders.is_empty() && !demand.fallback_allowed => {
                    Err(Error::Refused {
                        level,
                        reason: format!("namespaces are refused ({why}), and bubblewrap does not keep `read_folders`"),
                        advice: "allow unprivileged user namespaces, or take that key out".to_owned(),
                    })
                }
                (Err(_), Some(bubblewrap)) => kept(wrapped(order, demand, bubblewrap), None),
                _ => kept(order, Some(Wanted { user: facts.need_user, network: demand.network != Some(true) })),
            }
        }
        Level::Container => contained(order, program, demand).await,
    }
}

/// The level asked for, if it can be had; else the closest below it, where that is allowed.
async fn level(program: &Program, demand: &Demand) -> Result<Level, Error> {
    let lacks_image = demand.level == Level::Container && demand.image.is_none();
    let found = if lacks_image {
        let advice = "name the image of its container as `image` in its entry".to_owned();
        Err(("no image is named".to_owned(), advice))
    } else {
        probe::of_level(demand.level).await
    };
    let Err((reason, advice)) = found else { return Ok(demand.level) };
    if !demand.fallback_allowed {
        let advice = format!("{advice}, or ask for less with `sandbox`, or set `sandbox_fallback` to \"allow\"");
        return Err(Error::Refused { level: demand.level, reason, advice });
    }
    for level in Level::ALL.into_iter().rev().filter(|level| *level < demand.level) {
        if probe::of_level(level).await.is_ok() {
            tracing::warn!(
                server.name = program.server, asked = %demand.level, given = %level, reason,
                "server {} runs with less protection than asked for: {level} in place of {}: {reason}",
                program.server, demand.level
            );
            return Ok(level);
        }
    }
    Ok(Level::None)
}

/// The bound for the data of one process: half as much again, so that who looks at the whole tree can start it anew, with its
/// calls answered, before its memory fails under it. A guess.
fn with_headroom(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 2)
}

/// A limit that is asked for and not kept would be worse than none.
fn refuse_what_only_a_sandbox_gives(level: Level, demand: &Demand) -> Result<(), Error> {
    let asked = [
        (demand.network == Some(false), "`network: false`"),
        (!demand.read_folders.is_empty(), "`read_folders`"),
        (!demand.write_folders.is_empty(), "`write_folders`"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) if !demand.fallback_allowed => Err(Error::Refused {
            level,
            reason: format!("it does not keep {what}"),
            advice: "write \"sandbox\": \"standard\" into its entry, or take that key out".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// With what `standard` and `strict` deny.
#[cfg(target_os = "linux")]
pub(super) fn confined(mut order: Order, demand: &Demand, level: Level) -> Order {
    let is_strict = level == Level::Strict;
    let mut write = demand.write_folders.clone();
    write.extend(order.cwd.clone());
    if is_strict {
        write.extend(TEMPORARY.iter().map(PathBuf::from));
        order.env.push(("TMPDIR".to_owned(), "/tmp".to_owned()));
    } else {
        write.extend(temporary_folder(&order.env));
    }
    let read = (!demand.read_folders.is_empty()).then(|| readable(&order, demand));
    order.rules.folders = Some(Folders { read, write });
    order.rules.deny_calls = true;
    order.rules.deny_network = match demand.network {
        Some(is_allowed) => !is_allowed,
        None => is_strict,
    };
    order.rules.private_mounts = is_strict;
    order.rules.visible = vec![order.program.clone()];
    order
}

/// Where its temporary files go.
#[cfg(target_os = "linux")]
fn temporary_folder(env: &[(String, String)]) -> Vec<PathBuf> {
    let named = env.iter().rev().find(|(name, _)| name == "TMPDIR").map(|(_, value)| PathBuf::from(value));
    vec![named.unwrap_or_else(|| PathBuf::from("/tmp")), PathBuf::from("/var/tmp"), PathBuf::from("/dev/shm")]
}

/// What else it may read, besides what it was given: the program itself, where it starts, and where programs are looked for.
#[cfg(target_os = "linux")]
fn readable(order: &Order, demand: &Demand) -> Vec<PathBuf> {
    let mut folders = demand.read_folders.clone();
    let real = order.program.canonicalize().unwrap_or_else(|_| order.program.clone());
    folders.extend([order.program.clone(), real].iter().filter_map(|file| file.parent()).map(Path::to_owned));
    folders.extend(order.cwd.clone());
    let path = order.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    folders.extend(std::env::split_paths(path.unwrap_or_default()));
    folders
}

/// `strict` by way of bubblewrap, for systems that let only that program make namespaces.
#[cfg(target_os = "linux")]
pub(super) fn wrapped(mut order: Order, demand: &Demand, bubblewrap: PathBuf) -> Order {
    let mut args: Vec<String> = ["--unshare-all", "--die-with-parent", "--new-session"].map(str::to_owned).to_vec();
    if demand.network == Some(true) {
        args.push("--share-net".to_owned());
    }
    args.extend(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"].map(str::to_owned));
    for folder in TEMPORARY {
        args.extend(["--tmpfs".to_owned(), (*folder).to_owned()]);
    }
    let folders = order.rules.folders.iter().flat_map(|folders| &folders.write);
    for folder in folders.filter(|folder| !TEMPORARY.iter().any(|hidden| Path::new(hidden) == folder.as_path())) {
        let folder = folder.display().to_string();
        args.extend(["--bind-try".to_owned(), folder.clone(), folder]);
    }
    let program = order.program.display().to_string();
    args.extend(["--ro-bind-try".to_owned(), program.clone(), program]);
    if let Some(folder) = &order.cwd {
        args.extend(["--chdir".to_owned(), folder.display().to_string()]);
    }
    args.push("--".to_owned());
    args.push(order.program.display().to_string());
    args.append(&mut order.args);
    // It does itself what these rules do, and needs the system calls that they deny.
    order.rules.folders = None;
    order.rules.deny_calls = false;
    order.rules.may_gain_rights = true;
    order.rules.private_mounts = false;
    Order { program: bubblewrap, args, ..order }
}

#[cfg(unix)]
async fn contained(mut order: Order, program: &Program, demand: &Demand) -> Result<Plan, Error> {
    let engine = container::engine().await.map_err(|reason| Error::Refused {
        level: Level::Container,
        reason,
        advice: "install docker or podman".to_owned(),
    })?;
    let image = demand.image.clone().unwrap_or_default();
    // What programs need to run outside means nothing inside.
    let declared: Vec<String> = program.declared_env.clone();
    order.args = container::arguments(program, &declared, demand, &image);
    order.program = engine.file;
    order.cwd = None;
    order.rules.data_bytes_max = None;
    Ok(Plan::Kept { order: Box::new(order), namespaces: None })
}
