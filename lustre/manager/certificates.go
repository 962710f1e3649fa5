package manager

import (
	"fmt"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
)

// certificates stops IML and restores its certificates, by which the servers know it (lustre:200-214).
func (m *Manager) certificates() evenkeel.Step {
	const kept = stateDir + "/certs-inst"
	s := evenkeel.Step{
		ID: "certificates", Title: "Stop IML and restore its certificates", Host: m.Config.Host, Ref: "lustre:200",
		Needs: []evenkeel.FactKey{m.archiveName}, Irreversible: m.gone(),
		Actions: []evenkeel.Action{
			evenkeel.Do("stop", "Stop IML", "chroma-config", "stop").From("lustre:205"),
			evenkeel.Do("directory", "Make a directory for the certificates of the installation", "mkdir", "-p", "-m", "700",
				kept).
				From("lustre:211"),
		},
	}
	list := []string{"ls"}
	for _, name := range m.Config.Certificates {
		list = append(list, kept+"/"+name)
		s.Actions = append(s.Actions,
			evenkeel.Do("keep-"+name, "Keep "+name+" of the installation", "cp", "-pn", stateDir+"/"+name, kept+"/.").
				From("lustre:212").
				Noting("the guide moves it; a copy that is not replaced may be made again"),
			evenkeel.Do("restore-"+name, "Restore "+name, "cp", "-p", m.tree()+stateDir+"/"+name, stateDir+"/.").
				From("lustre:213"))
		s.Verify = append(s.Verify, m.same("same-"+name, stateDir+"/"+name))
	}
	there := evenkeel.Look("kept", "Verify that the certificates of the installation are kept", list...).
		Expecting("exit status 0", evenkeel.Observed.Succeeded)
	s.Verify = append(s.Verify, showsExit(there, "0"))
	return s
}

// same wants a file to be the one of the backup.
func (m *Manager) same(id, name string) evenkeel.Action {
	a := evenkeel.Look(id, "Verify that "+name+" is that of the backup", "sha256sum", m.tree()+name, name).
		Expecting("two equal sums", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			lines := strings.Split(o.Text(), "\n")
			if len(lines) != 2 || len(lines[0]) < 64 || len(lines[1]) < 64 || lines[0][:64] != lines[1][:64] {
				return fmt.Errorf("%s is not that of the backup", name)
			}
			return nil
		}))
	a.Paper = []evenkeel.Block{{Script: "sha256sum " + m.tree() + name + " " + name +
		` | cut -c1-64 | uniq -c | awk '{ print $1, "equal" }'`, Shows: []string{"2 equal"}}}
	return a
}
