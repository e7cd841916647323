//! Commands: requests to change one workspace, by subject. A request that can change a balance is a command; a request
//! that only reads is none.

use crate::grants::GrantCommand;
use crate::holds::HoldCommand;
use crate::payments::{PaymentCommand, TopUpCommand};
use crate::plans::PlanCommand;
use crate::reviews::ReviewCommand;
use crate::runs::RunCommand;
use crate::team::TeamCommand;
use crate::workspace::WorkspaceCommand;

/// A request to change one workspace, by its subject; the engine answers with events or a [`Refusal`](crate::Refusal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Command about the workspace as a whole.
    Workspace(WorkspaceCommand),
    /// Command about the workspace's plan.
    Plan(PlanCommand),
    /// Command about grants of the workspace.
    Grant(GrantCommand),
    /// Command about a caller's hold.
    Hold(HoldCommand),
    /// Command about a run of the workspace.
    Run(RunCommand),
    /// Command about a payment or the subscription at Stripe.
    Payment(PaymentCommand),
    /// Command about the workspace's automatic top-ups.
    TopUp(TopUpCommand),
    /// Command about a review of the workspace.
    Review(ReviewCommand),
    /// Command about the members, invitations and keys of the workspace.
    Team(TeamCommand),
    /// Settles the workspace at an instant, and nothing else.
    Tick,
}

/// Name of the tick in the journal.
const TICK: &str = "tick";

/// Returns `true` if a command of this name belongs into the audit log of its workspace: every command but those of
/// everyday work, which are runs, holds and the passing of time.
pub fn is_privileged(command: &str) -> bool {
    command != TICK && !RunCommand::NAMES.contains(&command) && !HoldCommand::NAMES.contains(&command)
}

impl Command {
    /// Returns the command's name in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::Workspace(command) => command.name(),
            Command::Plan(command) => command.name(),
            Command::Grant(command) => command.name(),
            Command::Hold(command) => command.name(),
            Command::Run(command) => command.name(),
            Command::Payment(command) => command.name(),
            Command::TopUp(command) => command.name(),
            Command::Review(command) => command.name(),
            Command::Team(command) => command.name(),
            Command::Tick => TICK,
        }
    }
}

impl From<WorkspaceCommand> for Command {
    fn from(command: WorkspaceCommand) -> Command {
        Command::Workspace(command)
    }
}

impl From<PlanCommand> for Command {
    fn from(command: PlanCommand) -> Command {
        Command::Plan(command)
    }
}

impl From<GrantCommand> for Command {
    fn from(command: GrantCommand) -> Command {
        Command::Grant(command)
    }
}

impl From<HoldCommand> for Command {
    fn from(command: HoldCommand) -> Command {
        Command::Hold(command)
    }
}

impl From<RunCommand> for Command {
    fn from(command: RunCommand) -> Command {
        Command::Run(command)
    }
}

impl From<PaymentCommand> for Command {
    fn from(command: PaymentCommand) -> Command {
        Command::Payment(command)
    }
}

impl From<TopUpCommand> for Command {
    fn from(command: TopUpCommand) -> Command {
        Command::TopUp(command)
    }
}

impl From<ReviewCommand> for Command {
    fn from(command: ReviewCommand) -> Command {
        Command::Review(command)
    }
}

impl From<TeamCommand> for Command {
    fn from(command: TeamCommand) -> Command {
        Command::Team(command)
    }
}
