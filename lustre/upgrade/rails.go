package upgrade

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// A node whose networks are in /etc/lnet.conf (multi-rail, say) has them again only where the service lnet imports that file before
// Lustre is loaded: without it LNet takes the first interface that it finds.

// rails is what /etc/lnet.conf in the backup of a node says; none where it says nothing.
type rails struct {
	*lustre.LNetConf
	sum string // sha256 of the file
}

// railsOf reads /etc/lnet.conf in the backup of a node.
func (p loading) railsOf(i int) error {
	n, a := &p.nets[i], p.archives[i]
	if !a.Has(lustre.LNetConfPath) {
		return nil
	}
	raw, err := a.ReadFile(lustre.LNetConfPath)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name(), err)
	}
	conf, err := lustre.ParseLNetConf(srcerr.Named(p.inside(i, lustre.LNetConfPath), bytes.NewReader(raw)))
	if err != nil || conf.Empty() { // the package lustre brings an empty one
		return err
	}
	sum := sha256.Sum256(raw)
	n.rails = &rails{conf, hex.EncodeToString(sum[:])}
	n.lnet = append(n.lnet, lustre.LNetConfPath)
	n.nids = append(n.nids, slices.DeleteFunc(conf.NIDs(n.interfaces), lustre.NID.Loopback)...)
	return nil
}

// seeFaces wants a node to have every interface that its /etc/lnet.conf names: a new system may name one otherwise.
func (n *node) seeFaces(id string) []evenkeel.Action {
	conf := n.nets[n.index].rails
	if conf == nil || len(conf.Interfaces()) == 0 {
		return nil
	}
	names := conf.Interfaces()
	a := evenkeel.Look(id, "Verify that the interfaces that "+lustre.LNetConfPath+" names are there, with addresses",
		"ip", "-o", "addr", "show", "up").
		Expecting(strings.Join(names, ", "), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			list, err := lustre.ParseIPAddr(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			lacks := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
				return slices.ContainsFunc(list, func(i lustre.Interface) bool { return i.Name == name })
			})
			if len(lacks) > 0 {
				return evenkeel.NeedsOperator("%s has not the interface %s, with an address and up, which its %s names: LNet would not start "+
					"there. Restore it with the system's tools (nmtui), under its old name: where the new system names it otherwise, give it "+
					"that name (a .link file of systemd, or a rule of udev), and resume", n.Name, strings.Join(lacks, ", "), lustre.LNetConfPath)
			}
			return nil
		}))
	a = shows(a, `| awk '{ print $2 }' | sort -u | grep -xF`+patterns(names), names...)
	return []evenkeel.Action{a.On(n.Name)}
}

// patterns are the names as patterns of grep.
func patterns(names []string) (text string) {
	for _, name := range names {
		text += " -e " + shellescape.Quote(name)
	}
	return text
}

// startLNet has the service lnet import the restored file, before Lustre is loaded, and at each boot.
func (n *node) startLNet(ref string) []evenkeel.Action {
	conf := n.nets[n.index].rails
	if conf == nil {
		return nil
	}
	same := evenkeel.Look("lnet-conf", "Verify that the installation has left "+lustre.LNetConfPath+" as it was restored",
		"sha256sum", lustre.LNetConfPath).
		Expecting(conf.sum, evenkeel.Succeeding(func(o evenkeel.Observed) error {
			if is, _, _ := strings.Cut(o.Text(), " "); is != conf.sum {
				return evenkeel.NeedsOperator("%s on %s is not the file of the backup (its sha256 is %q, not %s): the package lustre has one of its "+
					"own. Put the file of the backup back, or %[1]s.rpmsave where that is it, and resume", lustre.LNetConfPath, n.Name, is, conf.sum)
			}
			return nil
		}))
	actions := []evenkeel.Action{shows(same.AsPrecondition(), "| cut -d' ' -f1", conf.sum)}
	for _, a := range n.seeFaces("faces") {
		actions = append(actions, a.AsPrecondition())
	}
	return append(actions,
		evenkeel.Do("lnet-boot", "Import "+lustre.LNetConfPath+" at boot", "systemctl", "enable", "lnet").From(ref),
		evenkeel.Do("lnet-start", "Import "+lustre.LNetConfPath+", before Lustre is loaded", "systemctl", "start", "lnet").From(ref).
			Noting("without it LNet takes the first interface that it finds, as soon as Lustre is loaded"))
}

// seeRails wants LNet to be on every interface that /etc/lnet.conf names, each in its network.
func (n *node) seeRails(id string) []evenkeel.Action {
	conf := n.nets[n.index].rails
	if conf == nil || len(conf.Interfaces()) == 0 {
		return nil
	}
	a := evenkeel.Look(id, "Verify that LNet has every interface of "+lustre.LNetConfPath+" on "+n.Name, "lnetctl", "net", "show").
		Expecting(strings.Join(conf.Interfaces(), ", "), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			have, err := lustre.ParseLNetConf(bytes.NewReader(o.Stdout))
			if err != nil {
				return err
			}
			if m := conf.Missing(have); len(m) > 0 {
				return evenkeel.NeedsOperator("LNet on %s has not: %s. %s names it: see that its interfaces are up, that the service lnet was "+
					"started before Lustre was loaded (lustre_rmmod, systemctl restart lnet, modprobe lustre), and resume",
					n.Name, strings.Join(m, "; "), lustre.LNetConfPath)
			}
			return nil
		}))
	names := conf.Interfaces()
	return []evenkeel.Action{shows(a, `| sed -nE 's/^ +[0-9]+: *//p' | sort -u | grep -xF`+patterns(names), names...).On(n.Name)}
}

// sameRails wants a fresh backup to have the /etc/lnet.conf that the plan was made for.
func (n *node) sameRails(fresh *Pair) error {
	was, is := n.nets[n.index].rails, fresh.nets[n.index].rails
	if was != nil && is != nil && was.sum != is.sum {
		return evenkeel.NeedsOperator("%s of %s has changed since the backup that the plan was made from: make the plan anew from this backup",
			lustre.LNetConfPath, n.Name)
	}
	return nil // one that is there in one of them only is among the files
}
