package cps

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Secrets are found by the name before them, in every form in which one writes a setting, and by the heading of a column. Switches are none.
func TestSecretsInATextOfAnyKind(t *testing.T) {
	for text, want := range map[string][]Secret{
		"db_password = s3cret\n":                       {"s3cret"},
		`{"snmp_community": "publ1c", "name": "x"}`:    {"publ1c"},
		"admin_passwd,pa ss\n":                         {"pa", "pa ss"},
		"http://root:pw1@lb01/\n":                      {"pw1"},
		"rootpw_hash   $6$ab\n":                        {"$6$ab"},
		"user,password\nqns,one\nbroadhop,\"two\"\n":   {"one", "two"},
		"snmp_password=true\nuser=qns\nhost:lb01,lb02": nil,
	} {
		require.Subset(t, SecretsIn(text), want, text)
		if want == nil {
			require.Empty(t, SecretsIn(text), text)
		}
	}
}
