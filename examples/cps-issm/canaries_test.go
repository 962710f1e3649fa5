package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/examples/internal/clitest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// No secret of Configuration.csv is in anything that the tool prints or writes, whatever a program prints of it.
func TestCanaries(t *testing.T) {
	keys := []string{"hv_passwd_0000", "sys_user_password_0000", "snmp_ro_community", "snmpv3_priv_key",
		"redis_authentication_passwd", "ldap_bind_dn_pw", "db_authentication_admin_passwd", "db_authentication_readonly_passwd"}
	var secrets []string
	csv := "hv_user_0000,root,\ndb_authentication_enabled, TRUE,\n"
	for i, key := range keys {
		secrets = append(secrets, `c4"n&r'y-`+strings.Repeat("x", i)+"-CANARY")
		csv += key + ", " + secrets[i] + ",\n"
	}
	clitest.Canaries{
		Secrets: secrets, Planted: []string{"Configuration.csv", "site1-config.csv", "password.txt", "notes", "*.tar.gz"},
		App: func() *cli.App {
			a := app()
			a.Example = func(into, dir string) (*cli.Config, error) {
				cfg, err := example(into, dir)
				if err != nil {
					return nil, err
				}
				jobOf(cfg).Configuration = "Configuration.csv"
				for name, text := range map[string]string{"Configuration.csv": csv, "site1-config.csv": csv + csv,
					"password.txt": secrets[0] + "\n", "notes": "hv_passwd=" + secrets[1] + "\n"} {
					if err := os.WriteFile(filepath.Join(into, name), []byte(text), 0o600); err != nil {
						return nil, err
					}
				}
				return cfg, nil
			}
			return a
		},
		Fail: map[string]func(sshexec.Cmd, string) bool{
			"a look": func(cmd sshexec.Cmd, _ string) bool { return strings.Contains(cmd.Argv[0], "diagnostics.sh") },
			"a change": func(cmd sshexec.Cmd, _ string) bool {
				return cmd.Effect != sshexec.ReadOnly && strings.Contains(cmd.String(), "migrate.sh")
			},
		},
	}.Run(t)
}
