package pairfiles

import (
	"context"
	"slices"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
)

// Technician plays the operator in the machine room: installs a new system, or switches a server on again, as a rollback has it. The
// deed is the action, and the host behind it.
func Technician(ctx context.Context, hosts evenkeel.Hosts, ask evenkeel.Prompt) error {
	if id := ask.Action.ID; slices.Contains([]string{"install", "switch-on", "update", "downgrade"}, id) {
		return cli.HaveDone(ctx, hosts, id+" "+ask.Step.Host)
	}
	return nil
}
