package steps

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/evenkeel-ha/evenkeel/internal/secretname"
)

// CheckNoPassword refuses a command of a configuration that has a password in it: commands are shown, journalled and
// seen in process lists. The error says nothing of it. Secrets are values that are known to be secret.
func CheckNoPassword[S ~string](argv []string, secrets ...S) error {
	line := strings.Join(argv, " ")
	found := userInfo.MatchString(line) || secretname.Pair("", portOption.ReplaceAllString(line, " "))
	for _, s := range secrets {
		found = found || len(s) >= shortSecret && strings.Contains(line, string(s))
	}
	if found {
		return errors.New("it has a password in it, and commands are shown and journalled: let the program read the password from a " +
			"file on its machine")
	}
	return nil
}

// shortSecret is how long a known secret is at least that is looked for in a command: a shorter one may be a word.
const shortSecret = 4

var (
	userInfo   = regexp.MustCompile(`://[^/\s:@]+:[^/\s@]+@`)
	portOption = regexp.MustCompile(`(?:^|\s)-[pP] ?[0-9]{1,5}(?:\s|$)`)
)

// CheckTool refuses what is no name of a program for a key of tools: a command line, which might hold a password. The
// error says nothing of it.
func CheckTool(key, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("tools.%s: it takes the name or the path of one program on the Cluster Manager, without options and without a "+
			"password: where it needs some, name a script that has them and passes its own arguments on", key)
	}
	return nil
}
