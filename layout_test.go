package evenkeel_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/evenkeel-ha/evenkeel"

// small are packages that every other one may depend on; they know nothing but each other.
var small = []string{
	"internal/infile", "internal/op", "internal/printable", "internal/secretname", "internal/srcerr", "mongo/internal/document",
	"sshexec/secret",
}

// arrows says which packages of this module each one may depend on, directly or not. A package that is not here fails
// the test: the layout of the house is a decision, not an accident.
var arrows = map[string][]string{
	".":                   {"sshexec/..."},
	"sshexec":             {"sshexec/internal/..."},
	"sshexec/change":      {"sshexec", "sshexec/internal/..."},
	"backup":              {"sshexec/..."},
	"mongo":               {},
	"mongo/live":          {"mongo", "sshexec/..."},
	"cps":                 {"sshexec/..."},
	"lustre":              {"sshexec/...", "backup"},
	"pacemaker":           {},
	"pacemaker/corosync":  {},
	"pacemaker/pcs":       {"pacemaker", "pacemaker/corosync", "sshexec/..."},
	"pacemaker/placement": {"pacemaker", "pacemaker/corosync"},
	"pacemaker/readiness": {"pacemaker", "pacemaker/corosync"},
	"pacemaker/rebuild":   {"pacemaker", "pacemaker/corosync", "pacemaker/pcs", "sshexec/..."},
	"pacemaker/live":      {"pacemaker", "pacemaker/corosync", "pacemaker/pcs", "sshexec/..."},

	// Runbooks.
	"pacemaker/pair":          {".", "backup", "internal/steps", "pacemaker/...", "sshexec/..."},
	"pacemaker/pair/pairtest": {".", "backup", "internal/steps", "pacemaker/...", "sshexec/..."},
	"cps/maintenance":         {".", "cps", "cps/internal/steps", "mongo", "mongo/live", "sshexec/..."},
	"cps/internal/steps":      {".", "cps", "mongo", "mongo/live", "sshexec/..."},
	"internal/steps":          {".", "sshexec/...", "backup"},
	"lustre/manager":          {".", "lustre", "internal/steps", "sshexec/...", "backup"},
	"lustre/upgrade":          {".", "lustre", "internal/steps", "sshexec/...", "backup", "pacemaker/..."},
	"cps/issm":                {".", "cps", "cps/internal/steps", "mongo", "mongo/live", "sshexec/...", "backup"},

	// What tests and simulated worlds are made of.
	"sshexec/sftpfiles":               {"sshexec/..."},
	"sshexec/internal/execline":       {"sshexec/..."},
	"sshexec/internal/matcher":        {},
	"sshexec/sshexectest":             {"sshexec/..."},
	"sshexec/sshexectest/conformance": {"sshexec/..."},
	"pacemaker/pacemakertest":         {"pacemaker/...", "sshexec/..."},
	"lustre/lustretest":               {".", "lustre", "backup", "pacemaker/...", "sshexec/..."},
	"cps/cpstest":                     {"cps", "mongo", "mongo/live", "mongo/mongotest", "sshexec/...", "internal/replsim"},
	"mongo/mongodriver":               {"mongo", "mongo/live", "sshexec/..."},
	"mongo/mongotest":                 {"mongo", "mongo/live", "sshexec/...", "internal/replsim"},
	"mongo/mongotest/conformance":     {"mongo", "mongo/live", "sshexec/..."},
	"mongo/internal/casetest":         {"mongo"},
	"internal/golden":                 {},
	"internal/mutants":                {},
	"internal/mutate":                 {"internal/mutants"},
	"internal/papertest":              {"sshexec/..."},
	"internal/release":                {},
	"internal/words":                  {},
	"internal/replsim":                {},
	"internal/pairlab":                {"internal/pairlab/...", "pacemaker/...", "sshexec/..."},
	"internal/pairlab/image":          {},
	"internal/pairlab/initd":          {"internal/pairlab/wire"},
	"internal/pairlab/machine":        {"internal/pairlab/initd", "internal/pairlab/standin", "internal/pairlab/wire"},
	"internal/pairlab/pairlabd":       {"internal/pairlab/...", "pacemaker/...", "sshexec/..."},
	"internal/pairlab/standin":        {"internal/pairlab/wire"},
	"internal/pairlab/wire":           {},
	"sshexec/simhost":                 {"sshexec/..."},
	"examples/cli":                    {".", "sshexec/...", "examples/cli/page", "examples/cli/view"},
	"examples/cli/page":               {".", "sshexec/..."},
	"examples/cli/view":               {".", "sshexec/..."},
	"examples/internal/clitest":       {"examples/cli/...", "internal/golden", "internal/words", ".", "sshexec/..."},
	"examples/internal/readme":        {}, // tests only
	"examples/internal/pairfiles":     {".", "backup", "examples/cli/...", "pacemaker/...", "sshexec/..."},
	"examples/internal/lustrejob":     {"..."}, // of lustre-hapair
	"examples/lustre-hapair":          {"..."},
	"examples/pacemaker-pair":         {"..."},
	"examples/cps-issm":               {"..."},
	"examples/pgpair":                 {".", "sshexec/...", "internal/op", "internal/printable", "internal/srcerr"},
}

// noDriver are the packages that must not pull the MongoDB driver into their users' binaries.
var noDriver = []string{".", "sshexec", "backup", "pacemaker", "lustre", "examples/lustre-hapair", "examples/pacemaker-pair"}

// noSSH are the packages that read files alone: who imports them links no SSH.
var noSSH = []string{"mongo", "pacemaker", "pacemaker/corosync", "pacemaker/placement", "pacemaker/readiness"}

// commandLines are the packages that may know of cobra: who parses, plans and runs takes no flags.
var commandLines = []string{"examples/cli", "examples/cps-issm", "examples/internal/clitest", "examples/internal/lustrejob",
	"examples/internal/pairfiles", "examples/lustre-hapair", "examples/pacemaker-pair"}

type listed struct {
	ImportPath string
	Deps       []string
}

func TestArrowsRunOneWay(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps", "./...").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", exit.Stderr)
	}
	require.NoError(t, err)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		name := short(p.ImportPath)
		allowed, known := arrows[name]
		known = known || slices.Contains(small, name)
		allowed = slices.Concat(allowed, small)
		if !known {
			t.Errorf("package %s is not in the table of arrows", name)
			continue
		}
		for _, dep := range p.Deps {
			if d := short(dep); d != "" && d != name && !slices.ContainsFunc(allowed, func(a string) bool { return permits(a, d) }) {
				t.Errorf("%s must not depend on %s", name, d)
			}
			if simulates(short(dep)) && !simulates(name) && !strings.HasPrefix(name, "examples/") {
				t.Errorf("%s must not depend on the simulator %s", name, short(dep))
			}
			if strings.HasPrefix(dep, "go.mongodb.org/") && slices.Contains(noDriver, name) {
				t.Errorf("%s must not pull in the MongoDB driver (%s)", name, dep)
			}
			if strings.HasPrefix(dep, "golang.org/x/crypto/ssh") && slices.Contains(noSSH, name) {
				t.Errorf("%s must not link SSH (%s)", name, dep)
			}
			if strings.HasPrefix(dep, "github.com/spf13/") && !slices.Contains(commandLines, name) {
				t.Errorf("%s must not know the command line (%s)", name, dep)
			}
			if dep == "testing" && !strings.HasSuffix(name, "conformance") && !strings.HasSuffix(name, "clitest") &&
				name != "internal/papertest" && name != "internal/golden" && name != "mongo/internal/casetest" {
				t.Errorf("%s pulls package testing into binaries", name)
			}
		}
	}
}

// simulates tells a package that a simulated world or a test is made of. Binaries link them for demo, simulate and
// rehearse; libraries do not.
func simulates(name string) bool {
	return strings.HasSuffix(name, "test") || strings.HasSuffix(name, "/simhost") || strings.HasSuffix(name, "/conformance")
}

// short is a package's place in the module; empty for another module's.
func short(path string) string {
	if path == module {
		return "."
	}
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	return rest
}

func permits(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	return pattern == name
}
