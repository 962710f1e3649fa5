package upgrade

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// listNIDs prints the NIDs of a node: the addresses by which clients and other servers know its targets.
var listNIDs = []string{"lctl", "list_nids"}

// noteNIDs notes the NIDs of the old system, and holds them against the backup.
func (n *node) noteNIDs() evenkeel.Action {
	want := n.nets[n.index].nids
	text := "the NIDs of " + n.Name
	if len(want) > 0 {
		text = "among them " + nidWords(want)
	}
	a := evenkeel.Look("nids-"+n.no, "Note the NIDs by which "+n.Name+" is reached", listNIDs...).
		Expecting(text, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			have, err := lustre.ParseNIDs(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			if nidWords(have) == "" {
				return evenkeel.NeedsOperator("%s has no NID but that of its loopback: no client could reach a target there, and nothing "+
					"tells what to look for on the new system. See its network and the options of LNet below %s, load LNet anew "+
					"(lustre_rmmod, modprobe lustre) until lctl list_nids has the NIDs that clients mount from, and resume", n.Name, lustre.LNetDir)
			}
			if m := lustre.MissingNIDs(want, have); len(m) > 0 {
				return evenkeel.NeedsOperator("%s has not the NID %s, which the LNet configuration and the addresses in its "+
					"backup give it: the network is not the one that was backed up. Make the plan anew from a fresh backup", n.Name, nidWords(m))
			}
			return nil
		}))
	a.Makes = []evenkeel.Make{n.nidsSeen.From(func(o evenkeel.Observed) (string, error) {
		have, err := lustre.ParseNIDs(bytes.NewReader(o.Stdout))
		return nidWords(have), err
	}).Typed("lctl list_nids | grep -v '@lo$' | sort | tr '\\n' ' ' | sed 's, $,,'")}
	return a.On(n.Name)
}

func nidWords(nids []lustre.NID) string {
	var words []string
	for _, n := range nids {
		if !n.Loopback() {
			words = append(words, string(n))
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// seeNIDs wants the new system to have every NID that the old one had: clients and the other servers know a target by
// them, and none would find it (LUS-012).
func (n *node) seeNIDs(id string) []evenkeel.Action {
	missing := func(o evenkeel.Observed, have []lustre.NID) error {
		text, err := n.nidsSeen.Get(o.Facts)
		if err != nil {
			return err
		}
		var want []lustre.NID
		for _, w := range strings.Fields(text) {
			want = append(want, lustre.NID(w))
		}
		if len(want) == 0 {
			return fmt.Errorf("no NID of %s from before is noted: nothing tells what to look for", n.Name)
		}
		if m := lustre.MissingNIDs(want, have); len(m) > 0 {
			return evenkeel.NeedsOperator("%s has not the NID %s any more, by which clients and servers look for its targets: "+
				"see that its network and %s are as they were, load LNet anew (lustre_rmmod, modprobe lustre), and resume",
				n.Name, nidWords(m), lustre.LNetDir)
		}
		return nil
	}
	all := evenkeel.Look(id, "Verify that LNet has every NID on "+n.Name+" that it had before", listNIDs...).
		Expecting("none of "+n.nidsSeen.Ref()+" is missing", evenkeel.Succeeding(func(o evenkeel.Observed) error {
			have, err := lustre.ParseNIDs(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			return missing(o, have)
		}))
	all.Paper = []evenkeel.Block{{Shows: []string{"none is missing"}, Script: "nids=" + n.nidsSeen.Ref() +
		` && for nid in $nids; do lctl list_nids | grep -qxF "$nid" || echo "$nid is missing"; done && echo none is missing`}}
	up := evenkeel.Look(id+"-up", "Verify that each of them is up", "lnetctl", "net", "show").
		Expecting("status up", func(o evenkeel.Observed) error {
			if o.Outcome == sshexec.Exited && o.ExitCode == 127 {
				// Lustre has it from 2.7 on, and what the profiles install is later.
				return evenkeel.NeedsOperator("there is no lnetctl on %s, which comes with Lustre: see that the package lustre is whole "+
					"(rpm -V lustre) and that /usr/sbin is in the PATH of the login, and resume", n.Name)
			}
			if err := o.Succeeded(); err != nil {
				return err
			}
			list, err := lustre.ParseLNetNet(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			var have []lustre.NID
			for _, i := range list {
				if i.Up {
					have = append(have, i.NID)
				}
			}
			return missing(o, have)
		})
	up.Paper = []evenkeel.Block{{Shows: []string{"none is down"}, Script: `net=$(lnetctl net show) && ` +
		`grep -q 'status: up' <<<"$net" && ! grep 'status: down' <<<"$net" && echo none is down`}}
	return append([]evenkeel.Action{all.On(n.Name), up.On(n.Name)}, n.seeRails(id+"-rails")...)
}

// sameLNet wants a fresh backup to have the LNet configuration that the plan restores.
func (n *node) sameLNet(fresh *Pair) error {
	was, is := n.nets[n.index].lnet, fresh.nets[n.index].lnet
	if !slices.Equal(was, is) {
		return evenkeel.NeedsOperator("%s has options of LNet in %s, and the plan restores %s: make the plan anew from this backup",
			n.Name, fileWords(is), fileWords(was))
	}
	return n.sameRails(fresh)
}

func fileWords(files []string) string {
	if len(files) == 0 {
		return "no file"
	}
	return strings.Join(files, ", ")
}
