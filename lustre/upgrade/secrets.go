package upgrade

import (
	"fmt"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// secrets are what no text of a run may show: the new cluster's password, and the passwords and keys in both backups.
func (p *Pair) secrets() []sshexec.Secret {
	return append(slices.Clone(p.inBackups), p.Config.Password)
}

// found notes the secrets of a backup.
func (p loading) found(cib *pacemaker.CIB, conf *corosync.Conf) {
	for _, s := range slices.Concat(cib.Secrets(), conf.Secrets()) {
		if !slices.Contains(p.inBackups, s) {
			p.inBackups = append(p.inBackups, s)
		}
	}
}

// weakSecrets tells the reviewer of secrets that are easy to guess. They are masked in what programs print, and not
// where they may be a word.
func (p loading) weakSecrets() {
	if why := p.Config.Password.Weakness(); why != "" {
		p.Notes = append(p.Notes, "the password given for hacluster is weak: "+why+"; give another one")
	}
	weak := 0
	for _, s := range p.inBackups {
		if s.Weakness() != "" {
			weak++
		}
	}
	if weak > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("the cluster's configuration has weak secrets, such as a fencing password "+
			"that is short or a plain word: %d", weak))
	}
}
