package maintenance

import (
	"fmt"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// What the operator types who follows the runbook by hand.

// paperFunctions turn what the programs print into lines that can be compared.
const paperFunctions = `# patches: the names of the patches that patch -l lists, or the lines of about.sh that speak of patches
patches() {
  awk 'match($0, /Patch_[A-Za-z0-9_.]*[A-Za-z0-9_]|CPS[0-9]+_[0-9]+/) { print substr($0, RSTART, RLENGTH); any = 1; next }
    /^ *$/ || /^[-= ]*$/ || /^ *[Nn]o patch(es)? (is|are)( currently)? (applied|installed)\.? *$/ || /^ *(CPS )?Patch(es)?( History)?:? *$/ { next }
    { print "NOT understood:", $0; any = 1 } END { if (!any) print "no patch" }' | LC_ALL=C sort -u
}`

// patchesShown wants one patch in a list of patches, or none.
func patchesShown(cmd sshexec.Cmd, filter, name string) evenkeel.Block {
	if name == "" {
		name = "no patch"
	}
	return steps.Prints(cmd, "2>&1 "+filter+"| patches", name)[0]
}

// said wants a program to say something, and to end well.
func said(cmd sshexec.Cmd, text string) []evenkeel.Block {
	return []evenkeel.Block{{Cmd: cmd, Pipe: fmt.Sprintf(`2>&1 | grep -c '%s'; echo "exit status ${PIPESTATUS[0]}"`, text),
		Shows: []string{"1", "exit status 0"}}}
}

// onPaper prints the list of repositories in one line, with what sed drops beside comments; "none" for an empty one.
func onPaper(drop string) string {
	return "cat " + cps.RepositoriesPath + " | sed '/^[[:space:]]*#/d; /^[[:space:]]*$/d; " + drop + "' |" +
		` awk '{ line = line comma $1; comma = "," } END { print line == "" ? "none" : line }'`
}

// asState types a command only where a state is.
func asState(state, is string, cmd sshexec.Cmd) []evenkeel.Block {
	return []evenkeel.Block{{Script: state}, {Cmd: cmd, If: is}}
}

// fitFunction is what the operator types before the primary of a replica set moves.
const fitFunction = `# fit HOST:PORT: whether every member is at work, one is the primary, and this one is up to date, of asked
fit() {
  awk -v wished="$1" 'NF != 6 { print; next } { seen[$2] = 1; if ($5 !~ /^(PRIMARY|SECONDARY|ARBITER)$/) bad[$2] = $5 }
    $5 == "PRIMARY" { primary[$2] = 1 } $6 > head { head = $6 } $2 == wished && $6 > at { at = $6 }
    END { for (h in seen) if (h in bad) print h, "is NOT at work:", bad[h]; else n++
      for (h in primary) p++
      print p == 1 ? "a primary" : "NO primary, or more than one"
      print wished, head - at <= 60 ? "is up to date" : "is NOT up to date"
      print n + 0, "members at work" }'
}`
