package main

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

func TestConfiguration(t *testing.T) {
	clitest.Configuration(t, "lustre-hapair", clitest.Configured[pairConfig](app()), clitest.Configured[managerConfig](managerApp()))
}
