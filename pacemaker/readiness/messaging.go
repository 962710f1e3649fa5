package readiness

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// messaging compares how the nodes talk with what the target's corosync takes.
func (c *checker) messaging() {
	if c.in.ClusterConf != "" {
		c.find(Finding{Level: Blocker, Check: "cman", Where: c.in.ClusterConf, Found: "a cluster on CMAN",
			Why: "Pacemaker 2.0 dropped CMAN and corosync 1, and corosync does not read cluster.conf", Source: sourceOf("pcmk-2.0"),
			Next: "write down the names and addresses of the nodes: the new cluster gets a corosync.conf of its own"})
	}
	if c.in.Conf == nil {
		if c.in.ClusterConf == "" {
			c.gap("transport, rings and encryption", "corosync.conf, or cluster.conf of a cluster on CMAN")
		}
		return
	}
	transport, rings, err := c.in.Conf.Transport()
	switch {
	case err != nil:
		c.refused("corosync.conf cannot be read: " + err.Error())
	case c.to.Corosync < 3:
		c.toOldCorosync(transport)
	case transport == "knet":
		c.refusals()
		c.encryption(transport)
	default:
		c.toKnet(transport, rings)
	}
}

// refused is a file that the target's corosync does not start with.
func (c *checker) refused(what string) {
	c.find(Finding{Level: Blocker, Check: "corosync.conf", Where: c.in.Conf.Name(), Found: strings.ReplaceAll(what, "\n", "; "),
		Why: fmt.Sprintf("corosync %d does not start with it", c.to.Corosync), Next: "correct the file", Source: sourceOf("corosync.conf")})
}

// refusals are what the target's corosync says of the file as it stands.
func (c *checker) refusals() {
	for _, err := range c.in.Conf.Refusals(c.to.Corosync) {
		c.find(Finding{Level: Blocker, Check: "corosync.conf", Where: place(err), Found: err.Err.Error(),
			Why: fmt.Sprintf("corosync %d does not start with it", c.to.Corosync), Next: "correct the file", Source: sourceOf("corosync.conf")})
	}
}

// toOldCorosync is the way back from knet, or none.
func (c *checker) toOldCorosync(transport string) {
	if transport == "knet" {
		c.find(Finding{Level: Blocker, Check: "transport", Where: c.line("totem", "transport"),
			Object: "totem.transport", Found: "transport knet",
			Why:    fmt.Sprintf("knet came with corosync 3, and %s has corosync %d", c.to.Name, c.to.Corosync),
			Next:   "make the cluster there with udpu, and one ring or two",
			Source: sourceOf("corosync-knet")})
		return
	}
	c.refusals()
}

// toKnet is what becomes of a file of corosync 1 or 2. What its conversion to knet takes care of is a warning.
func (c *checker) toKnet(transport string, rings int) {
	const next = "make the new cluster with knet (in the job of a pair: knet: true)"
	c.find(Finding{Level: Warning, Check: "transport", Where: c.line("totem", "transport"), Object: "totem.transport",
		Found:  "transport " + transport,
		Why:    "udp and udpu are deprecated in corosync 3: they have one link and no encryption",
		Next:   next,
		Source: sourceOf("corosync-knet")})
	if rings > 1 {
		c.find(Finding{Level: Warning, Check: "rings", Where: c.in.Conf.Name(), Found: fmt.Sprintf("%d rings with %s", rings, transport),
			Why: "corosync 3 has more than one link with knet alone", Next: next, Source: sourceOf("corosync.conf")})
	}
	for _, m := range c.in.Conf.Releases().Marks {
		if m.To == 0 || m.To >= c.to.Corosync {
			continue
		}
		f := Finding{Level: Warning, Check: "corosync-option", Where: c.place(m.Line), Object: m.What,
			Found: m.What, Why: "corosync 3 does not know it: " + m.Why, Next: "the conversion to knet drops it", Source: sourceOf("corosync.conf")}
		if m.What == "totem.rrp_mode" {
			f.Check, f.Next, f.Source = "rrp", "the conversion to knet makes link_mode of it", sourceOf("corosync-knet")
		}
		c.find(f)
	}
	c.encryption(transport)
	c.conversion()
}

// conversion says whether the file can be converted to knet.
func (c *checker) conversion() {
	nodes, err := c.in.Conf.NodeList()
	opts := corosync.KnetOptions{}
	for _, name := range slices.Sorted(maps.Keys(c.in.Addresses)) {
		opts.Nodes = append(opts.Nodes, corosync.Member{Name: name, Addresses: c.in.Addresses[name]})
	}
	if err == nil && len(nodes) == 0 && len(opts.Nodes) == 0 {
		c.gap("whether corosync.conf can be converted to knet", "the addresses of each node on each ring: the file has no nodelist")
		return
	}
	if _, err := c.in.Conf.PlanKnet(opts); err != nil {
		c.find(Finding{Level: Blocker, Check: "corosync.conf", Where: c.in.Conf.Name(), Found: strings.ReplaceAll(err.Error(), "\n", "; "),
			Why: "it cannot be converted to knet as it stands", Next: "correct it, or give the names and addresses of the nodes",
			Source: sourceOf("corosync.conf")})
	}
}

// encryption compares what the file says of it with corosync 3.
func (c *checker) encryption(transport string) {
	totem, err := c.in.Conf.Totem()
	if err != nil {
		return // that was said
	}
	switch {
	case totem.CryptoHash == "sha1":
		c.find(Finding{Level: Warning, Check: "crypto", Where: c.line("totem", "crypto_hash"), Object: "totem.crypto_hash",
			Found: "crypto_hash: sha1", Why: "it was corosync 2's default; corosync 3 has sha256 where secauth is on",
			Next:   "make the new cluster with sha256",
			Source: sourceOf("crmsh-corosync")})
	case totem.CryptoHash == "" && totem.CryptoCipher == "" && totem.SecAuth == "":
		c.find(Finding{Level: Note, Check: "crypto", Where: c.in.Conf.Name(), Found: "nothing is said of encryption with " + transport,
			Why:  "corosync 3 does not encrypt by itself: crypto_cipher and crypto_hash are none, secauth is off",
			Next: "say what you want where the new cluster is made; pcs encrypts by default", Source: sourceOf("corosync.conf")})
	}
}

// line is the place of a key, or the file where it does not stand.
func (c *checker) line(section, key string) string {
	for _, s := range c.in.Conf.Root.Sections(section) {
		if line := s.LineOf(key); line > 0 {
			return c.place(line)
		}
	}
	return c.in.Conf.Name()
}

// place is a line of the file.
func (c *checker) place(line int) string {
	return place(&ParseError{File: c.in.Conf.Name(), Line: line})
}
