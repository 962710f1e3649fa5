package backup_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(killAtEnv) != "" {
		beKilled()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
