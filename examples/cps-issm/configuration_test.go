package main

import (
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
)

func TestConfiguration(t *testing.T) {
	clitest.Configuration(t, "cps-issm",
		clitest.Configured[issmConfig](app()), clitest.Configured[arbiterConfig](arbiterApp()),
		clitest.Configured[endpointsConfig](endpointsApp()), clitest.Configured[keysConfig](keysApp()),
		clitest.Configured[monitoringConfig](monitoringApp()), clitest.Configured[patchConfig](patchApp()),
		clitest.Configured[prioritiesConfig](prioritiesApp()), clitest.Configured[recoverConfig](recoverApp()),
		clitest.Configured[restartConfig](restartApp()))
}
