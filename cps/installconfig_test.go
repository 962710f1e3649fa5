package cps_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

func installConfig(t testing.TB, in string) *cps.InstallConfig {
	t.Helper()
	c, err := cps.ParseInstallConfig(text("install.cfg", in))
	require.NoError(t, err)
	return c
}

// CPS-017, CPS-169: both parameters as the guide sets them, and what is lost with them.
func TestInstallConfigGuide(t *testing.T) {
	in := "INSTALL_TYPE=mobile\nSKIP_BLKSTATS=1\nSKIP_CARBONDB=1\n"
	c := installConfig(t, in)
	require.Equal(t, in, printed(t, c))
	require.True(t, c.Skips(cps.SkipBulkStats) && c.Skips(cps.SkipCarbonDB))
	found := c.Findings()
	require.Equal(t, map[string]int{"CPS-169": 2}, rows(found))
	require.Equal(t, "install.cfg:2: info: SKIP_BLKSTATS is 1: the old bulk statistics will not be on the new system (CPS-169)",
		found[0].String())
	require.Contains(t, found[1].What, "SKIP_CARBONDB is 1: the old Grafana data will not be on the new system")
	require.Empty(t, installConfig(t, "INSTALL_TYPE=mobile\nSKIP_BLKSTATS=0\n").Findings())
}

// CPS-017: keys, values and duplicates; the file comes back byte for byte.
func TestInstallConfig(t *testing.T) {
	in := "\ufeff# site\r\nexport A=\"b c\" # why\r\n  D='$x' ;\nE=\n\nSKIP_CARBONDB=1\n#SKIP_BLKSTATS=1\nSKIP_CARBONDB=0\nG.h-i=x/y:z,1"
	c := installConfig(t, in)
	require.Equal(t, in, printed(t, c))
	require.Equal(t, []string{"A", "D", "E", "SKIP_CARBONDB", "G.h-i"}, c.Keys())
	for key, want := range map[string]string{"A": "b c", "D": "$x", "E": "", "SKIP_CARBONDB": "0", "G.h-i": "x/y:z,1"} {
		value, ok := c.Value(key)
		require.True(t, ok)
		require.Equal(t, want, value.Reveal(), key)
	}
	require.False(t, c.Skips(cps.SkipCarbonDB), "the last one counts")
	require.False(t, c.Skips(cps.SkipBulkStats), "a comment sets nothing")
	require.Equal(t, []int{6, 8}, c.Lines(cps.SkipCarbonDB))
	require.Equal(t, map[string]int{"CPS-017": 1}, rows(c.Findings()))
	require.Contains(t, c.Findings()[0].What, "given twice, first on line 6, with another value")

	c.Set(cps.SkipCarbonDB, "1")
	c.Set(cps.SkipBulkStats, "1")
	want := strings.Replace(in, "SKIP_CARBONDB=0", "SKIP_CARBONDB=1", 1) + "\nSKIP_BLKSTATS=1\n"
	require.Equal(t, want, printed(t, c))
	require.True(t, installConfig(t, want).Skips(cps.SkipBulkStats))
	require.Equal(t, cps.Info, c.Findings()[0].Severity, "twice the same")
	for key, value := range map[string]cps.Secret{"A": "two words", "B C": "x", "D": "$(x)", "E": "a#b\n", "F": `"q"`, "": "x"} {
		require.Panics(t, func() { c.Set(key, value) })
	}
}

func TestInstallConfigFindings(t *testing.T) {
	for in, want := range map[string]string{
		"SKIP_CARBONDB = 1\n":       "blanks stand around the =",
		"SKIP_CARBONDB =1\n":        "blanks stand around the =",
		"SKIP_CARBONDB= 1\n":        "blanks stand around the =",
		"SKIP_CARBONDB=true\n":      "must be 0 or 1",
		"SKIP_BLKSTATS=\n":          "must be 0 or 1",
		"SKIP_BLKSTATS='1 '\n":      "must be 0 or 1",
		"skip_blkstats=1\nA=1\nA=2": "A is given twice, first on line 2, with another value",
	} {
		c := installConfig(t, in)
		require.Contains(t, fmt.Sprint(c.Findings()), want, in)
		require.False(t, c.Skips(cps.SkipCarbonDB) || c.Skips(cps.SkipBulkStats), in)
	}
	exported := installConfig(t, "  export   SKIP_CARBONDB=\"1\"\n")
	require.True(t, exported.Skips(cps.SkipCarbonDB))
	require.Equal(t, map[string]int{"CPS-169": 1}, rows(exported.Findings()))
}

// No value is in an error, and none of a secret's is printed.
func TestParseInstallConfigErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "c:1: no KEY=VALUE line",
		"# x\n":                "c:1: no KEY=VALUE line",
		"canary\n":             "c:1:1: not a KEY=VALUE line",
		"=canary\n":            "c:1:1: not a KEY=VALUE line",
		"A=1\n9B=canary\n":     "c:2:1: not a KEY=VALUE line",
		"A=canary canary\n":    "c:1:3: the value of A is not one word",
		"  A=$canary\n":        "c:1:5: the value of A",
		"A=`canary`\n":         "c:1:3: the value of A",
		"A=\"canary\n":         "c:1:3: the value of A",
		"A=\"$canary\"\n":      "c:1:3: the value of A",
		"A='canary'canary\n":   "c:1:3: the value of A",
		"A=canary\\\n":         "c:1:3: the value of A",
		"A=1;B=canary\n":       "c:1:3: the value of A",
		"A=1 & canary\n":       "c:1:3: the value of A",
		"A=(canary)\n":         "c:1:3: the value of A",
		"A=canary\x00\n":       "c:1:9: not a text file",
		"readonly A=canary\n":  "c:1:1: not a KEY=VALUE line",
		"A+=canary\n":          "c:1:1: not a KEY=VALUE line",
		"export A=1 B=canary ": "c:1:10: the value of A",
	} {
		_, err := cps.ParseInstallConfig(text("c", in))
		requireError(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	c := installConfig(t, "ROOT_PASSWORD=Hunter2\n")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, *c, c.Findings()), "Hunter2")
	require.Contains(t, c.String(), "ROOT_PASSWORD=[redacted]")
}

// Leave the history of Grafana behind.
func ExampleParseInstallConfig() {
	c, err := cps.ParseInstallConfig(strings.NewReader("INSTALL_TYPE=mobile\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Set(cps.SkipCarbonDB, "1")
	for _, f := range c.Findings() {
		fmt.Println(f)
	}
	if _, err := c.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// /var/install.cfg:2: info: SKIP_CARBONDB is 1: the old Grafana data will not be on the new system (CPS-169)
	// INSTALL_TYPE=mobile
	// SKIP_CARBONDB=1
}

func FuzzParseInstallConfig(f *testing.F) {
	f.Add("INSTALL_TYPE=mobile\nSKIP_BLKSTATS=1\nSKIP_CARBONDB=1\n")
	f.Add("\ufeffexport A=\"b c\" # why\r\n  D='$x' ;\nE=")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := cps.ParseInstallConfig(strings.NewReader(in))
		if err != nil {
			return
		}
		once := printed(t, c)
		if !strings.Contains(in, "[") && !strings.Contains(in, "```") { // no prompt and no fence
			require.Equal(t, in, once)
		}
		c.Findings()
		c.Set(cps.SkipCarbonDB, "1")
		again, err := cps.ParseInstallConfig(strings.NewReader(printed(t, c)))
		require.NoError(t, err)
		require.Equal(t, c.Keys(), again.Keys())
	})
}
