package cli_test

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// The schema of a fleet file and the page of its keys are those of the Go structs.
func TestFleetFile(t *testing.T) { clitest.FleetFile(t, cli.ParseFleet) }
