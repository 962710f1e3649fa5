package backup

import (
	"bytes"
	"fmt"

	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// What a restore has done is proven by what stands on the machine: a command that says that it succeeded may have done
// nothing. Each proof tells by its exit status, and prints names at most: some of the files are secret.

// sameFile wants a file to be that of the tree dir.
func sameFile(dir, name string) []change.Proof {
	return proof(name+" is that of the backup", sshexec.Command(sshexec.ReadOnly, "cmp", "-s", dir+name, name))
}

// sameTree wants every file of a directory of the tree dir to be there. What the machine has beside them stays, so that
// diff -r would not do. It prints the names of the files that are missing or differ.
func sameTree(dir, name string) []change.Proof {
	look := sshexec.Command(sshexec.ReadOnly, "find", ".", "-type", "f", "!", "-exec", "cmp", "-s", "{}", name+"/{}", ";",
		"-print", "-exec", "false", "{}", "+")
	look.Dir = dir + name
	return proof("every file of "+name+" is that of the backup", look)
}

// unit wants systemctl to say of a unit what is asked: is-enabled or is-active.
func unit(verb, name, means string) []change.Proof {
	return proof(means, sshexec.Command(sshexec.ReadOnly, "systemctl", "--quiet", verb, name))
}

// proof is by the exit status, and by silence: what prints something beside a 0 is not understood.
func proof(means string, look sshexec.Cmd) []change.Proof {
	p := change.ByExit(means, look)
	byExit := p.Check
	p.Check = func(o change.Observed) error {
		if err := byExit(o); err != nil {
			return err
		}
		if len(bytes.TrimSpace(o.Stdout)) > 0 {
			return fmt.Errorf("%s prints something, and should say nothing where it is so: %s", look.Argv[0], means)
		}
		return nil
	}
	return []change.Proof{p}
}
