package cps_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

func configuration(t testing.TB, in string) *cps.Configuration {
	t.Helper()
	c, err := cps.ParseConfiguration(text("Configuration.csv", in))
	require.NoError(t, err)
	return c
}

// CPS-009, CPS-011, CPS-013.
func TestParseConfigurationGuide(t *testing.T) {
	in := fixture(t, "Configuration.csv.fragment")
	c := configuration(t, in)
	require.Equal(t, []string{"vcenter_hostname", "vcenter_user", "vcenter_passwd"}, c.Keys())
	v, missing := c.VCenter()
	require.Empty(t, missing)
	require.Equal(t, "host.cisco.com", v.Hostname)
	require.Equal(t, "administrator@vsphere.local", v.User)
	require.Equal(t, "cisc0123", v.Password.Reveal(), "the last comma may be missing")
	require.Equal(t, in, printed(t, c))
	_, ok := c.Text(cps.KeyVCenterPasswd)
	require.False(t, ok, "a secret is no text")
	host, ok := c.Text(cps.KeyVCenterHostname)
	require.True(t, ok)
	require.Equal(t, "host.cisco.com", host)

	_, missing = configuration(t, "vcenter_user,x,\nvcenter_passwd,,\n").VCenter()
	require.Equal(t, []string{"vcenter_hostname", "vcenter_passwd"}, missing)
}

// CPS-010, CPS-012.
func TestConfigurationFindings(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"absent", "a,b,\n", []string{"is not present"}},
		{"off", "db_authentication_enabled, FALSE,\n", nil},
		{"off in lower case", "db_authentication_enabled,false\n", nil},
		{"on", "db_authentication_enabled, TRUE,\ndb_authentication_admin_passwd, aa,\ndb_authentication_readonly_passwd, bb,\n", nil},
		{"on without passwords", "db_authentication_enabled, TRUE,\n",
			[]string{"db_authentication_admin_passwd has no value", "db_authentication_readonly_passwd has no value"}},
		{"on with one empty", "db_authentication_enabled, TRUE,\ndb_authentication_admin_passwd,,\ndb_authentication_readonly_passwd, bb,\n",
			[]string{"db_authentication_admin_passwd has no value"}},
		{"absent", "hv_user_0000,root,\n", []string{`add the row "db_authentication_enabled, FALSE,"`}},
		{"absent beside passwords", "db_authentication_admin_passwd, aa,\n",
			[]string{"add it, TRUE where the databases ask for these passwords"}},
		{"another spelling", "db_authentication_enable, TRUE,\ndb_authentication_admin_passwd, aa,\n",
			[]string{"db_authentication_enable is no key that the guide has: is db_authentication_enabled meant?"}},
		{"neither", "db_authentication_enabled, MAYBE,\n", []string{"must be FALSE or TRUE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := configuration(t, tt.in).Findings()
			require.Len(t, found, len(tt.want))
			for i, f := range found {
				require.Equal(t, "CPS-012", f.Row)
				require.Equal(t, cps.Error, f.Severity)
				require.Contains(t, f.What, tt.want[i])
			}
		})
	}
}

// CPS-009: comments, blanks, line endings and commas inside a value survive.
func TestConfigurationWriteTo(t *testing.T) {
	in := "# site\r\nkey, value ,\r\n\r\n,,\nvcenter_passwd, a,b , c,\nempty,\nlast,x"
	c := configuration(t, in)
	require.Equal(t, in, printed(t, c))
	p, ok := c.Value("vcenter_passwd")
	require.True(t, ok)
	require.Equal(t, "a,b , c", p.Reveal())

	c.Set("last", "y,")
	c.Set("key", "new")
	c.Set(cps.KeyDBAuthEnabled, "FALSE")
	want := "# site\r\nkey, new ,\r\n\r\n,,\nvcenter_passwd, a,b , c,\nempty,\nlast,y,,\ndb_authentication_enabled,FALSE,\n"
	require.Equal(t, want, printed(t, c))
	again := configuration(t, want)
	last, _ := again.Value("last")
	require.Equal(t, "y,", last.Reveal())
	require.Empty(t, again.Findings())
}

// CPS-009: cells in quotes, as a spreadsheet writes them, are what is between the quotes; one that is not closed may go on
// in the next line, which no rule would take for a secret.
func TestConfigurationInQuotes(t *testing.T) {
	in := "\"db_authentication_enabled\",\"FALSE\",\r\n\"hv_passwd_0000\", \"pa,ss word\"\n"
	c := configuration(t, in)
	require.Equal(t, in, printed(t, c))
	require.Empty(t, c.Findings())
	require.Equal(t, []string{"db_authentication_enabled", "hv_passwd_0000"}, c.Keys())
	require.Equal(t, []cps.Secret{"pa,ss word"}, c.Secrets())
	c.Set("hv_passwd_0000", "new")
	require.Contains(t, printed(t, c), "\"hv_passwd_0000\", \"new\"\n")
	_, err := cps.ParseConfiguration(text("c", "hv_passwd_0000,\"canary\nnext\",\n"))
	requireError(t, err, "c:1:1: a quoted cell is not closed on its line (the text is not shown")
	require.NotContains(t, err.Error(), "canary")
}

// A secret shows in no form of printing, logging or encoding, nor in an error.
func TestConfigurationSecretsStayHidden(t *testing.T) {
	const canary = "hunter2'&"
	c := configuration(t, "vcenter_passwd,"+canary+",\nsnmp_community,"+canary+"\nvcenter_user,visible,\n")
	v, _ := c.VCenter()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "v", v, "p", v.Password)
	js, err := json.Marshal(map[string]any{"c": c, "v": v})
	require.NoError(t, err)
	shown := log.String() + string(js) + c.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c) + fmt.Sprintf(verb, v) + fmt.Sprintf(verb, v.Password)
	}
	require.NotContains(t, shown, canary)
	require.NotContains(t, shown, fmt.Sprintf("%x", canary))
	require.Contains(t, shown, "[redacted]")
	require.Contains(t, c.String(), "visible")

	for _, in := range []string{"vcenter_passwd " + canary + "\n", "," + canary + ",\n", "vcenter_passwd,a\nvcenter_passwd," + canary + "\n"} {
		_, err := cps.ParseConfiguration(text("Configuration.csv", in))
		require.Error(t, err)
		require.NotContains(t, err.Error(), canary)
		require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), canary)
	}
}

func TestParseConfigurationErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":             "c:1: no key,value, row",
		"# a\n":        "no key,value, row",
		"alone\n":      "c:1:1: a row must be key,value, and this one has no comma",
		" ,x\n":        "c:1:1: a row must be key,value, and this one has no key",
		"a,1,\na,2,\n": `c:2:1: key given twice, first on line 1: near "a"`,
	} {
		_, err := cps.ParseConfiguration(text("c", in))
		requireError(t, err, want)
	}
}

func FuzzParseConfiguration(f *testing.F) {
	f.Add(fixture(f, "Configuration.csv.fragment"))
	f.Add("# x\r\n a , b ,\t\nc,,,\n")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := cps.ParseConfiguration(strings.NewReader(in))
		if err != nil {
			return
		}
		once := printed(t, c)
		again, err := cps.ParseConfiguration(strings.NewReader(once))
		require.NoError(t, err)
		require.Equal(t, once, printed(t, again))
		require.Equal(t, c.Keys(), again.Keys())
		c.Findings()
	})
}

// A value in the place of TRUE or FALSE may be the password of another row: it is no text to show.
func TestASwappedPasswordIsNotShown(t *testing.T) {
	c := configuration(t, "db_authentication_enabled,Hunter2-canary,\ndb_authentication_admin_passwd,TRUE,\n")
	_, ok := c.Text(cps.KeyDBAuthEnabled)
	require.False(t, ok)
	for in, want := range map[string]string{"TRUE": "TRUE", "false": "false"} {
		got, ok := configuration(t, "db_authentication_enabled,"+in+",\n").Text(cps.KeyDBAuthEnabled)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
}
