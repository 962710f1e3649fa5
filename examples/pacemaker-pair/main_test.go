package main

import (
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, app) }

// The binary as an operator meets it: exit status, messages, bad input, holding, going back.
func TestScript(t *testing.T) { clitest.Scripts(t) }

// Every command, flag, job and exit code stands in a script.
func TestNamed(t *testing.T) { clitest.Named(t, app) }

// What exit code 1 tells stands in the table of exit codes and in the help of each command.
func TestExitOne(t *testing.T) { clitest.ExitOne(t, app) }

// The runbook as it is reviewed and signed.
func TestPlan(t *testing.T) { clitest.Plan(t) }

func TestConfiguration(t *testing.T) {
	clitest.Configuration(t, "pacemaker-pair", clitest.Configured[pairConfig](app()))
}

// kill -9 at any point, then resume, ends like an uninterrupted run.
func TestKill(t *testing.T) { clitest.Kill(t, app) }

// By signal, inside the outages and outside of them.
func TestSignals(t *testing.T) {
	clitest.Signals(t, app, 10*time.Minute, "move-nfs/enable", "move-nfs/enable", "evacuate-node1/standby", "leave-node1/pacemaker")
}

func TestWaitsAreToldOnce(t *testing.T) { clitest.Waits(t) }

// The title of every step and action of every runbook is an imperative.
func TestTitles(t *testing.T) {
	clitest.Titles(t, app, map[string]clitest.Procedure{"a web server": {Dir: "testdata/web"}})
}
