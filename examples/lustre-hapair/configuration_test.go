package main

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/examples/internal/lustrejob"
)

func TestConfiguration(t *testing.T) {
	clitest.Configuration(t, "lustre-hapair", clitest.Configured[lustrejob.Config](app()), clitest.Configured[managerConfig](managerApp()))
}
