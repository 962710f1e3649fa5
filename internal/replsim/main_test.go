package replsim_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the property tests run over thousands of scenarios unless the command line says how many.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		_ = f.Value.Set("2000")
	}
	os.Exit(m.Run())
}
