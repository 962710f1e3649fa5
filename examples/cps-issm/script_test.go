package main

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

// The binary as an operator meets it: exit status, messages, bad input, holding, going back.
func TestScript(t *testing.T) { clitest.Scripts(t) }

// The runbook as it is reviewed and signed.
func TestPlan(t *testing.T) { clitest.Plan(t) }
