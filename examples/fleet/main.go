// Command fleet upgrades many pairs on Temporal: the runbooks are those of the binaries, and Temporal is the durable
// engine that drives them.
//
//	go run . demo
//
// README.md has the rest.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := asked()
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "fleet: %v\n", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

// errTrouble ends a command whose answer was printed, and is bad news.
var errTrouble = errors.New("not all is well: see above")

func command() *cobra.Command {
	c := &cobra.Command{
		Use: "fleet", Short: "Upgrade many pairs on Temporal", SilenceUsage: true, SilenceErrors: true,
		Long: `Upgrade many pairs on Temporal. A worker carries out the runbooks; the other commands talk to the server alone.
The server is that of --address and --namespace, or of the environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
TEMPORAL_TLS_…) and the configuration file of Temporal's own tools.`,
	}
	to := &target{}
	flags := c.PersistentFlags()
	flags.StringVar(&to.address, "address", "", "the server, `HOST:PORT`")
	flags.StringVar(&to.namespace, "namespace", "", "its `NAMESPACE`")
	flags.StringVar(&to.fleet, "fleet", "fleet.yaml", "the `FILE` of the fleet")
	c.AddCommand(demoCommand(), workerCommand(to), startCommand(to), statusCommand(to), exportCommand(to), attributesCommand(to))
	c.AddCommand(askCommands(to)...)
	return c
}
