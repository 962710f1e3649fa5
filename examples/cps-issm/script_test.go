package main

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// The binary as an operator meets it: exit status, messages, bad input, holding, going back.
func TestScript(t *testing.T) { clitest.Scripts(t) }

// Every command, flag, job and exit code stands in a script.
func TestNamed(t *testing.T) { clitest.Named(t, app) }

// What exit code 1 tells stands in the table of exit codes and in the help of each command.
func TestExitOne(t *testing.T) { clitest.ExitOne(t, app) }

// The runbook as it is reviewed and signed.
func TestPlan(t *testing.T) { clitest.Plan(t) }
