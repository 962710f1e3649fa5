package srcerr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// A line that names a secret is not quoted in an error, in whatever file it stands by mistake.
func TestAnErrorQuotesNoSecret(t *testing.T) {
	for _, line := range []string{
		"snmpv3_priv_key,Hunter2,", "snmpv3_auth_key, Hunter2", `"site_key": "Hunter2",`, "ssh_key=Hunter2", "hv_passwd_0000,Hunter2,",
		"ldap_bind_dn_pw=Hunter2", "snmp_ro_community;Hunter2", "api_token\tHunter2", "http://admin:Hunter2@repo/x",
	} {
		err := srcerr.Errorf("mongoConfig.cfg", 5, 1, line, "text outside a section")
		require.NotContains(t, err.Error(), "Hunter2", line)
		require.Contains(t, err.Error(), "mongoConfig.cfg:5:1: text outside a section: near a text that is not shown")
	}
	for _, line := range []string{"[SESSION-SET1", "MEMBER1=sessionmgr01", "keyboard,us", "monkey business"} {
		require.Contains(t, srcerr.Errorf("f", 1, 1, line, "x").Error(), line)
	}
}
