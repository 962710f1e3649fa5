package cps

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Secrets are found by the name before them, in every form in which one writes a setting, and by the heading of a
// column. Switches are none.
func TestSecretsInATextOfAnyKind(t *testing.T) {
	for text, want := range map[string][]Secret{
		"db_password = s3cret\n":                       {"s3cret"},
		`{"snmp_community": "publ1c", "name": "x"}`:    {"publ1c"},
		"admin_passwd,pa ss\n":                         {"pa", "pa ss"},
		"http://root:pw1@lb01/\n":                      {"pw1"},
		"rootpw_hash   $6$ab\n":                        {"$6$ab"},
		"user,password\nqns,one\nbroadhop,\"two\"\n":   {"one", "two"},
		"MEMBER1=admin:pw2@sessionmgr01:27717\n":       {"pw2"},
		"ssh password hunter2 rejected\n":              {"hunter2"},
		"ldap password is hunter2, not x\n":            {"hunter2"},
		"['sshpass', '-p', 'pw3', 'ssh']\n":            {"pw3"},
		"mongo -u admin -ppw4 --port 27717\n":          {"pw4"},
		"password: one two\n":                          {"one", "one two"},
		"Checking the password file of root\n":         nil,
		"snmp_password=true\nuser=qns\nhost:lb01,lb02": nil,
	} {
		require.Subset(t, SecretsIn(text), want, text)
		if want == nil {
			require.Empty(t, SecretsIn(text), text)
		}
	}
}
