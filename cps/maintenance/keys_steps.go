package maintenance

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// preflight changes nothing.
func (k *keys) preflight() evenkeel.Step {
	step := evenkeel.Step{ID: "preflight", Title: "Check the machines and the keys that are in force", Host: k.first.host,
		Ref: "cps:1366,1518,1671"}
	for _, p := range k.places {
		id := p.id
		if p.cluster != nil {
			step.Actions = append(step.Actions, p.listed(), p.healthy("health"))
			for i := range step.Actions[len(step.Actions)-2:] {
				a := &step.Actions[len(step.Actions)-2+i]
				a.ID = id + "-" + a.ID
			}
		}
		note := evenkeel.Look(id+"-note", "Note the public keys of "+p.name, k.sumsOf(p.old).Argv...).On(p.host).From("cps:1533").
			Expecting("the sums of two public keys", func(o evenkeel.Observed) error {
				if _, err := k.sums(p.old)(o); err != nil {
					return fmt.Errorf("the keys that are in force are not in %s and %s: set root_keys and qns_keys: %w",
						p.old.root, p.old.qns, err)
				}
				return nil
			})
		note.Makes = []evenkeel.Make{p.before.From(k.sums(p.old)).Typed(evenkeel.Typed(note.Cmd) + sumsInLine)}
		step.Makes = append(step.Makes, p.before)
		free := evenkeel.Look(id+"-free", "Verify that no earlier change left its old keys on "+p.host, "test", "!", "-e", savedKeys).
			On(p.host).Noting(savedKeys + " has the keys from before an earlier change that did not come to its end. " +
			"Look at them before you delete them.")
		step.Actions = append(step.Actions, note, free,
			k.same(id+"-in-force", "these keys are in force on "+p.host, p, keysInForce, p.before))
		if p.cluster != nil {
			for _, user := range keyUsers {
				step.Actions = append(step.Actions, k.reach(id+"-reach", p, user))
			}
		}
		if p.address != "" {
			way := k.opens(id+"-way", "Verify that root of "+k.first.name+" can log in to "+p.name, k.first, k.first.old, "root",
				[]string{p.address}, 0)
			step.Actions = append(step.Actions, way.Noting("The new keys are copied this way. Where the sites have different keys, let "+
				"root of "+k.first.host+" log in to "+p.host+" by its present key before the change."))
		}
		step.Actions = append(step.Actions, k.own(id+"-own", p)...)
	}
	if k.cfg.OwnKey != "" {
		step.Actions = append(step.Actions, k.another())
	}
	step.Actions = append(step.Actions, evenkeel.ByHand("alarms", "Confirm that there is no alarm, and no migration under way",
		"Keys are changed only while diagnostics is clean and there is no alarm or warning (cps:1366), and after a "+
			"migration only when that has come to its end (cps:1362). Confirm both."))
	return step
}

// another wants evenkeel's own key not to be the one that is replaced.
func (k *keys) another() evenkeel.Action {
	file := k.private(k.first.old, "root") + ".pub"
	a := evenkeel.Look("another", "Verify that evenkeel logs in by a key of its own", "ssh-keygen", "-lf", file).On(k.first.host).
		Expecting("another fingerprint than "+k.cfg.OwnKey, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			switch words := strings.Fields(string(o.Stdout)); {
			case len(words) < 2 || !fingerprintForm.MatchString(words[1]):
				return fmt.Errorf("not a fingerprint of %s: %.80q", file, o.Text())
			case words[1] == k.cfg.OwnKey:
				return evenkeel.NeedsOperator("evenkeel logs in by the key of the cluster itself, which is to be replaced: " +
					"it would be cut off. Give it a key of its own first")
			}
			return nil
		}))
	a.Paper = steps.Prints(a.Cmd, `| awk '{ print $2 !~ /^SHA256:/ ? "NOT known" : $2 == "`+k.cfg.OwnKey+
		`" ? "the SAME key" : "another key" }'`, "another key")
	return a
}

// save keeps the old keys, where nobody but root reads them, and proves that they are those that open every machine.
func (k *keys) save() evenkeel.Step {
	step := evenkeel.Step{
		ID: "save", Title: "Save the old keys", Host: k.first.host, Ref: "cps:1362",
		Why: "The guide has no rollback. " + savedKeys + " keeps the old keys on each Cluster Manager, for a rollback, until " +
			"all is proven.",
	}
	for _, p := range k.places {
		id, do := p.id, func(verb, title string, argv ...string) {
			step.Actions = append(step.Actions, evenkeel.Do(p.id+"-"+verb, title, argv...).On(p.host).Timeout(steps.Briefly))
		}
		do("dir", "Make a directory for the old keys on "+p.host, "install", "-d", "-m", "700", savedKeys)
		do("root", "Save the keys of root on "+p.host, "cp", "-rpT", p.old.root, keysSaved.root)
		do("qns", "Save the keys of qns on "+p.host, "cp", "-rpT", p.old.qns, keysSaved.qns)
		files := []string{k.private(keysSaved, "root"), k.private(keysSaved, "qns")}
		do("chmod", "Keep the saved keys on "+p.host+" from everybody but root", append([]string{"chmod", "600"}, files...)...)
		mode := evenkeel.Look(id+"-mode", "Verify that nobody but root reads the saved keys",
			append([]string{"stat", "-c", "%a %n", savedKeys}, files...)...).On(p.host)
		want := []string{"700 " + savedKeys, "600 " + files[0], "600 " + files[1]}
		mode.Paper = steps.Prints(mode.Cmd, "", want...)
		step.Actions = append(step.Actions, mode.Expecting(strings.Join(want, "; "), evenkeel.Says(strings.Join(want, "\n"))),
			k.same(id+"-saved", "the saved keys are those in force", p, keysSaved, p.before))
		step.Needs = append(step.Needs, p.before)
		step.Undo = append(step.Undo,
			evenkeel.Do(id+"-forget", "Delete the saved keys on "+p.host, "rm", "-rf", savedKeys).On(p.host))
		if p.cluster == nil {
			continue
		}
		for _, user := range keyUsers {
			title := "Verify that the saved key of " + user + " opens " + p.all()
			step.Verify = append(step.Verify, k.opens(id+"-opens", title, p, keysSaved, user, p.targets, 0))
		}
	}
	return step
}

// create makes the new keys, which are not in force yet.
func (k *keys) create() evenkeel.Step {
	p := k.first
	cmd := k.sumsOf(keysNew)
	differ := evenkeel.Look("differ", "Verify that the new keys are not the old ones", cmd.Argv...).Expecting("other sums than before",
		func(o evenkeel.Observed) error {
			now, err1 := k.sums(keysNew)(o)
			old, err2 := p.before.Get(o.Facts)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			for _, sum := range strings.Split(now, ",") {
				if strings.Contains(old, sum) {
					return fmt.Errorf("a key in %s is an old one: %s", newKeysDir, sum)
				}
			}
			return nil
		})
	differ.Paper = []evenkeel.Block{{Script: evenkeel.Typed(cmd) + " | awk -v old=" + p.before.Ref() +
		` '{ if (index(old, $1)) print "an OLD key:", $2; n++ } END { print n + 0, "keys" }'`, Shows: []string{"2 keys"}}}
	note := evenkeel.Look("note", "Note the new public keys", cmd.Argv...).Expecting("the sums of two public keys",
		func(o evenkeel.Observed) error {
			if _, err := k.sums(keysNew)(o); err != nil {
				return fmt.Errorf("--create left no new keys in %s: nothing has changed: %w", newKeysDir, err)
			}
			return nil
		})
	note.Makes = []evenkeel.Make{newKeys.From(k.sums(keysNew)).Typed(evenkeel.Typed(cmd) + sumsInLine)}
	return evenkeel.Step{
		ID: "create", Title: "Make new keys", Host: p.host, Ref: "cps:1372-1375",
		Needs: []evenkeel.FactKey{p.before}, Makes: []evenkeel.FactKey{newKeys},
		Actions: []evenkeel.Action{
			evenkeel.Do("clear", "Delete what an earlier change left", "rm", "-rf", newKeysDir),
			evenkeel.Do("create", "Make new keys", keysScript, "--create").From("cps:1375").Timeout(steps.Briefly), note, differ,
			evenkeel.Do("keep", "Keep a copy of the new keys", "cp", "-rpT", newKeysDir, path.Dir(keysMade.root)).
				Noting("Where --update breaks off halfway, the VMs that it reached take the new keys alone: a rollback needs them.").
				Timeout(steps.Briefly),
			k.same("kept", "the copy has the new keys", p, keysMade, newKeys),
		},
		Undo: []evenkeel.Action{evenkeel.Do("forget", "Delete the new keys", "rm", "-rf", newKeysDir, path.Dir(keysMade.root))},
	}
}

// enforce brings a set into force on a Cluster Manager and its VMs. It makes temp/ anew, and so may run again.
func (k *keys) enforce(id, title string, p *keyPlace, s keySet) evenkeel.Action {
	cmd := sshexec.Script(sshexec.Mutating, enforceScript, s.root, s.qns)
	cmd.Timeout = 2 * time.Hour
	return evenkeel.Action{ID: id, Change: evenkeel.Change{
		Title: title, Host: p.host, Ref: "cps:1545-1558", Cmd: cmd, Repeat: evenkeel.Idempotent,
	}}
}

// back brings the old keys back into force on a Cluster Manager and its VMs; made are the new ones.
func (k *keys) back(p *keyPlace, made keySet) []evenkeel.Action {
	argv := append([]string{k.private(made, "root"), k.private(keysSaved, "root")}, p.vms...)
	admit := evenkeel.Action{ID: "admit", Change: evenkeel.Change{
		Title: "Have the VMs take the old key of root that take the new one alone", Host: p.host, Ref: "cps:1378",
		Repeat: evenkeel.Idempotent, Cmd: steps.WithTimeout(sshexec.Script(sshexec.Mutating, admitScript, argv...), time.Hour),
	}}
	return []evenkeel.Action{admit, k.enforce("enforce", "Bring the old keys back into force", p, keysSaved)}
}

// update brings the new keys into force on site 1.
func (k *keys) update() evenkeel.Step {
	p := k.first
	cmd := k.sumsOf(keysInForce)
	update := evenkeel.Do("update", "Bring the new keys into force on the VMs and on the Cluster Manager", keysScript, "--update").
		From("cps:1381").Timeout(2 * time.Hour).Probed(evenkeel.Probe{
		Cmd: cmd, Text: "the Cluster Manager logs in by the new keys",
		Paper: k.same("", "", p, keysInForce, newKeys).Paper,
		Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
			now, err1 := k.sums(keysInForce)(o)
			old, err2 := p.before.Get(o.Facts)
			want, err3 := newKeys.Get(o.Facts)
			switch {
			case errors.Join(err1, err2, err3) != nil:
				return evenkeel.Inconclusive, errors.Join(err1, err2, err3)
			case now == want:
				return evenkeel.Done, nil
			case now == old:
				return evenkeel.NotRun, nil
			}
			return evenkeel.Partial, nil
		},
	})
	update.Paper = asState(evenkeel.Typed(cmd)+sumsInLine+" | diff - <(echo "+newKeys.Ref()+") >/dev/null && echo new || echo old",
		"old", update.Cmd)
	return evenkeel.Step{
		ID: "update", Title: "Bring the new keys into force on " + p.name, Host: p.host, Ref: "cps:1378-1381",
		Needs: []evenkeel.FactKey{p.before, newKeys},
		Why: "A machine that --update left behind refuses the others from here on, and is refused by them: the checks " +
			"name it. Put its keys right by hand and resume, or roll back.",
		Actions: append([]evenkeel.Action{update}, k.ownByHand("own", p)...), Verify: k.proof(p, newKeys),
		Undo:       append(k.back(p, keysMade), k.ownByHand("own", p)...),
		UndoVerify: k.proof(p, p.before),
	}
}

// proof is what shows that a set is in force on all machines of a place, by logins: that of the fact.
func (k *keys) proof(p *keyPlace, fact evenkeel.Fact[string]) []evenkeel.Action {
	set, word := keysCurrent, "new"
	if fact.Name() != newKeys.Name() {
		set, word = keysSaved, "old"
	}
	list := []evenkeel.Action{k.same("in-force", "the "+word+" keys are in force on "+p.host, p, keysInForce, fact)}
	from, targets := p, p.targets
	if p.cluster == nil {
		from, targets = k.first, []string{p.address} // which has both sets
	} else {
		list = append(list, k.same("current", "the "+word+" keys are the current ones", p, keysCurrent, fact))
		for _, user := range keyUsers {
			list = append(list, k.reach("reach", p, user))
		}
	}
	for _, user := range keyUsers {
		title := fmt.Sprintf("Verify that the %s key of %s opens %s", word, user, p.all())
		list = append(list, k.opens("opens", title, from, set, user, targets, 0))
	}
	if word == "new" {
		for _, user := range keyUsers {
			title := fmt.Sprintf("Verify that the old key of %s is refused by %s", user, p.all())
			list = append(list, k.opens("refused", title, from, keysSaved, user, targets, 255))
		}
	}
	return append(list, k.own("own", p)...)
}

func (p *keyPlace) all() string {
	if p.cluster == nil {
		return p.name
	}
	return "every machine of " + p.name
}

// bundle packs the new keys for the other places (cps:1529-1533).
func (k *keys) bundle() evenkeel.Step {
	members := []string{"current/root/" + k.cfg.KeyFile, "current/root/" + k.cfg.KeyFile + ".pub", "current/qns/" + k.cfg.KeyFile,
		"current/qns/" + k.cfg.KeyFile + ".pub"}
	size := evenkeel.Look("size", "Note the size of the file", "stat", "-c", "%s %a", keysTar).
		Expecting("its size, and 600 for its mode", func(o evenkeel.Observed) error { _, err := tarSize(o); return err })
	size.Makes = []evenkeel.Make{keysOnTheWay.From(tarSize)}
	whole := evenkeel.Look("whole", "Verify that the keys are in it", "tar", "-tf", keysTar).Expecting(strings.Join(members, ", "),
		evenkeel.Succeeding(func(o evenkeel.Observed) error {
			for _, m := range members {
				if !slices.Contains(strings.Fields(string(o.Stdout)), m) {
					return fmt.Errorf("%s has no %s", keysTar, m)
				}
			}
			return nil
		}))
	whole.Paper = steps.Prints(whole.Cmd, `| awk '/^current\/(root|qns)\/`+strings.ReplaceAll(k.cfg.KeyFile, ".", "[.]")+
		`([.]pub)?$/ { n++ } END { print n + 0, "files of keys" }'`, "4 files of keys")
	return evenkeel.Step{
		ID: "bundle", Title: "Pack the new keys for the other sites", Host: k.first.host, Ref: "cps:1529-1533",
		Makes: []evenkeel.FactKey{keysOnTheWay},
		Why: "The guide has this file as a backup, too: it stays, and nobody but root reads it. One of an earlier change is " +
			"overwritten.",
		Actions: []evenkeel.Action{
			evenkeel.Do("file", "Make a file that nobody but root reads", "install", "-m", "600", "/dev/null", keysTar),
			evenkeel.Do("tar", "Pack the new keys", "tar", "-cf", keysTar, "-C", authDir, "current").From("cps:1533").
				Timeout(steps.Briefly),
			whole, size,
		},
		Undo: []evenkeel.Action{evenkeel.Do("forget", "Delete the packed keys", "rm", "-f", keysTar)},
	}
}

var tarForm = regexp.MustCompile(`^[1-9][0-9]* 600$`)

// tarSize is the size of the file and its mode, "10240 600".
func tarSize(o evenkeel.Observed) (string, error) {
	if err := o.Succeeded(); err != nil {
		return "", err
	}
	if !tarForm.MatchString(o.Text()) {
		return "", fmt.Errorf("not a size and the mode 600: %.80q", o.Text())
	}
	return o.Text(), nil
}

// follow brings the new keys of site 1 into force on site 2 (cps:1535-1559), or on the arbiter (cps:1673-1693).
func (k *keys) follow(p *keyPlace) evenkeel.Step {
	copied := evenkeel.Look("copied", "Verify that the whole file was copied", "stat", "-c", "%s %a", keysTar).
		Expecting("the size and the mode that it has on "+k.first.host, func(o evenkeel.Observed) error {
			now, err1 := tarSize(o)
			want, err2 := keysOnTheWay.Get(o.Facts)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			if now != want {
				return fmt.Errorf("%s on %s has the size and mode %s, and not %s: it was not copied whole", keysTar, p.host, now, want)
			}
			return nil
		})
	copied.Paper = equals(evenkeel.Typed(copied.Cmd), keysOnTheWay, "it is whole")
	step := evenkeel.Step{
		ID: p.id, Title: "Bring the new keys into force on " + p.name, Host: p.host, Ref: "cps:1535-1559",
		Needs: []evenkeel.FactKey{p.before, newKeys, keysOnTheWay},
		Actions: []evenkeel.Action{
			evenkeel.Do("copy", "Copy the packed keys to "+p.name, slices.Concat([]string{"scp", "-p", "-q"}, strings.Fields(loginOptions),
				strings.Fields(onlyKey), []string{"-i", k.private(keysSaved, "root"), keysTar, "root@" + p.address + ":" + keysTar})...).
				On(k.first.host).From("cps:1535").Timeout(steps.Briefly), copied,
			evenkeel.Do("unpack", "Unpack the new keys", "tar", "-xf", keysTar, "-C", authDir).From("cps:1549").Timeout(steps.Briefly),
			k.same("unpacked", "the unpacked keys are the new ones", p, keysCurrent, newKeys),
		},
		Verify: k.proof(p, newKeys), UndoVerify: k.proof(p, p.before),
	}
	if p.cluster != nil {
		step.Why = "The keys go from machine to machine, by the old key, which site 2 takes until then. Unpacking them replaces " +
			currentKeys + "; what is in force changes with --update only."
		step.Actions = append(step.Actions,
			k.enforce("enforce", "Bring the new keys into force on the VMs and on the Cluster Manager", p, keysCurrent))
		step.Undo = append(k.back(p, keysCurrent), evenkeel.Do("clear", "Delete what is left of it", "rm", "-rf", newKeysDir))
	} else {
		step.Ref = "cps:1673-1693"
		step.Actions = append(step.Actions, k.puppet(keysCurrent)...)
		step.Undo = append(k.puppet(keysSaved),
			evenkeel.Do("current-root", "Put the old keys of root back", "cp", "-rpT", keysSaved.root, keysCurrent.root),
			evenkeel.Do("current-qns", "Put the old keys of qns back", "cp", "-rpT", keysSaved.qns, keysCurrent.qns))
	}
	step.Undo = append(step.Undo, evenkeel.Do("forget", "Delete the packed keys", "rm", "-f", keysTar))
	step.Actions = append(step.Actions, k.ownByHand("own", p)...)
	step.Undo = append(step.Undo, k.ownByHand("own", p)...)
	return step
}

// puppet brings a set into force on the arbiter (cps:1688-1693).
func (k *keys) puppet(s keySet) []evenkeel.Action {
	return []evenkeel.Action{
		evenkeel.Do("puppet-root", "Copy the keys of root into the puppet files", "/usr/bin/cp", "-rpT", s.root, keysPuppet.root).
			From("cps:1690"),
		evenkeel.Do("puppet-qns", "Copy the keys of qns into the puppet files", "/usr/bin/cp", "-rpT", s.qns, keysPuppet.qns).
			From("cps:1691"),
		evenkeel.Do("build", "Build the puppet packages", puppetScript).From("cps:1692").Timeout(time.Hour),
		evenkeel.Do("reinit", "Have the arbiter install them", reinitScript).From("cps:1693").Timeout(time.Hour),
	}
}

// finish deletes the old keys, once everything is proven again.
func (k *keys) finish() evenkeel.Step {
	step := evenkeel.Step{
		ID: "finish", Title: "Verify the cluster and delete the old keys", Host: k.first.host, Ref: "cps:1366",
		Irreversible: "the old keys are deleted: nothing brings them back but a backup of your own",
	}
	for _, p := range k.places {
		if p.cluster == nil {
			continue
		}
		health := p.healthy(p.id + "-health").AsPrecondition()
		step.Actions = append(step.Actions, health)
		for _, user := range keyUsers {
			step.Actions = append(step.Actions, k.reach(p.id+"-reach", p, user).AsPrecondition())
		}
	}
	step.Actions = append(step.Actions, evenkeel.ByHand("confirm", "Confirm that the old keys are deleted",
		"The old keys in "+savedKeys+" are deleted now; until then a rollback brings them back. "+
			"Confirm that nothing else logs in by them."))
	for _, p := range k.places {
		argv := []string{"rm", "-rf", savedKeys}
		if p != k.first {
			argv = append(argv, keysTar)
		}
		step.Actions = append(step.Actions, evenkeel.Do(p.id+"-delete", "Delete the old keys on "+p.host, argv...).On(p.host))
		for _, file := range argv[2:] {
			step.Verify = append(step.Verify, evenkeel.Look(p.id+"-gone-"+path.Base(file), "Verify that "+file+" is gone",
				"test", "!", "-e", file).On(p.host))
		}
	}
	return step
}
