package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/examples/cli"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// inputFiles are the kinds of files that a migration edits or reads beside the large ones. Those whose first line says what they are
// stand first: a script and user data may hold anything.
func inputFiles() []kind {
	list := []kind{
		{"configuration of a replica set", "cps-issm priorities backup", marks(`\A\{\s*"_id"\s*:\s*"[^"\n]*"\s*,\s*"version"`), false,
			told(mongo.ParseConfig, savedSet)},
		{"session of sftp", "the copying of an archive by hand", marks(`(?:sftp> *)?Fetching \S`), false, told(cps.ParseFetches, fetches)},
		{"user data", "<alias>-cloud.cfg of OpenStack; the values in it are not shown",
			marks(`\A(?:## template: \w+\n)?#cloud-config\b`), false, told(cps.ParseUserData, userData)},
		{"script with watched sets", "build_etc.sh", marks(`\A#!\S*[ \t]?\S*sh\b(?s:.*)\b[A-Z][A-Z0-9_]*-SET\d`), false,
			setList(cps.ParseSetScript)},
		{"logback.xml", "/etc/broadhop, /etc/broadhop/controlcenter",
			marks(`(?:<\?xml[^>\n]*\?>[ \t]*)?<(?i:configuration)\b[^>]*(?:/>|>(?s:.*)` +
				`<(?i:logger|appender|root|include|property)\b)`), false, told(cps.ParseLogback, logback)},
		{"install.cfg", cps.InstallConfigPath, marks(`(?:export[ \t]+)?(?:SKIP_BLKSTATS|SKIP_CARBONDB|INSTALL_TYPE)[ \t]*=`),
			false, told(cps.ParseInstallConfig, installConfig)},
		{"nova boot commands", "the commands that make the VMs on OpenStack", marks(`(?:\[[^\]\n]*\][#$] *)?nova boot\b`), false,
			told(cps.ParseBoots, boots)},
		{"static routes", "route-<interface> in /etc/sysconfig/network-scripts",
			marks(`(?:default|[0-9a-fA-F]*[.:][0-9a-fA-F.:]+(?:/\d+)?)[ \t]+(?:via|dev)[ \t]|(?:ADDRESS|NETMASK|GATEWAY)\d+=`), true,
			told(cps.ParseRoutes, routes)},
	}
	for _, t := range []struct {
		name, mark string
		read       func(*cli.Inspection, input) error
	}{
		{"AdditionalHosts.csv", `"?Host"?\s*,\s*"?Alias"?\s*,\s*"?IP Address`, told(cps.ParseAdditionalHosts, additionalHosts)},
		{"VMSpecification.csv", `"?Role"?\s*,\s*"?Host Name Prefix`, told(cps.ParseVMSpecs, vmSpecs)},
		{"Vlans.csv", `"?VLAN Name"?\s*,`, told(cps.ParseVLANs, vlans)},
	} {
		list = append(list, kind{t.name, cps.DeployFolder + "; used by a plan with deploy_dir", marks("(?i:" + t.mark + ")"), false,
			func(in *cli.Inspection, i input) error {
				in.Kind += ", used by a plan with deploy_dir"
				return t.read(in, i)
			}})
	}
	return list
}

// savedSet reads what "cps-issm priorities backup" has saved.
func savedSet(in *cli.Inspection, _ input, c mongo.Config) {
	in.Add("replica set", "%s, version %d", c.ID, c.Version)
	for _, m := range c.Members {
		in.Add(m.Host, "priority %g, votes %d%s", m.Priority, m.Votes, map[bool]string{true: ", arbiter"}[m.ArbiterOnly])
	}
}

// setList reads a list of watched sets, or the script that makes the lists.
func setList(parse func(io.Reader) (*cps.SetList, error)) func(*cli.Inspection, input) error {
	return func(in *cli.Inspection, i input) error {
		s, err := parse(i.reader())
		if err != nil {
			return err
		}
		in.Add("watched", "%s", strings.Join(s.Sets(), " "))
		if off := s.CommentedOut(); len(off) > 0 {
			in.Add("commented out by a migration", "%s", strings.Join(off, " "))
		}
		if off := s.CommentedByHand(); len(off) > 0 {
			in.Add("commented out by hand", "%s", strings.Join(off, " "))
		}
		note(in, s.Findings())
		return nil
	}
}

func logback(in *cli.Inspection, _ input, l *cps.Logback) {
	for _, e := range l.Entries {
		switch e.Kind {
		case "logger", "root":
			level := e.Level
			if level == "" {
				level = "inherited"
			}
			in.Add(e.String(), "level %s", level)
		case "appender":
			in.Add(e.String(), "line %d", e.Line)
		}
	}
	note(in, l.Findings())
}

func installConfig(in *cli.Inspection, _ input, c *cps.InstallConfig) {
	for _, key := range c.Keys() {
		if value, ok := c.Text(key); ok && !srcerr.MayHoldSecret(value) {
			in.Add(key, "%s", value)
		} else {
			in.Add(key, "%s", cps.Secret(value))
		}
	}
	note(in, c.Findings())
}

func boots(in *cli.Inspection, i input, list []cps.Boot) {
	for _, b := range list {
		var on []string
		for _, nic := range b.NICs {
			on = append(on, nic.FixedIP.String())
		}
		in.Add(b.Name, "%s of %s in %s, %s", b.Flavor, b.Image, b.Zone, strings.Join(on, " "))
		if err := b.Check(); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				in.Find(fmt.Sprintf("%s:%d", i.name, b.Line), "%s", line)
			}
		}
	}
}

func fetches(in *cli.Inspection, i input, list []cps.Fetch) {
	for _, f := range list {
		in.Add(f.Remote, "copied to %s", f.Local)
	}
	note(in, cps.ReviewFetches(i.name, list))
}

func userData(in *cli.Inspection, _ input, u *cps.UserData) {
	if u.Hostname != "" {
		in.Add("host name", "%s", u.Hostname)
	}
	in.Add("it says", "%s", printable.Count(len(u.Keys), "thing"))
	for _, file := range u.Files {
		in.Add("it writes", "%s", file.Path)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Interfaces)) {
		in.Add("address of "+name, "%s", u.Interfaces[name])
	}
	note(in, u.Findings())
}

func routes(in *cli.Inspection, _ input, r *cps.Routes) {
	for _, route := range r.Rows {
		over := "via " + route.Via.String()
		if !route.Via.IsValid() {
			over = "direct"
		}
		in.Add(route.To.String(), "%s", strings.TrimSpace(over+" "+route.Dev))
	}
	note(in, r.Findings())
}

func additionalHosts(in *cli.Inspection, _ input, h *cps.AdditionalHosts) {
	for _, host := range h.Rows {
		in.Add(host.Host, "%s", strings.TrimSpace(host.IP.String()+" "+strings.Join(host.Aliases, " ")))
	}
	note(in, h.Findings())
}

func vmSpecs(in *cli.Inspection, _ input, s *cps.VMSpecs) {
	for _, spec := range s.Rows {
		in.Add(spec.Role, "%s", spec)
	}
}

func vlans(in *cli.Inspection, _ input, v *cps.VLANs) {
	for _, vlan := range v.Rows {
		text := vlan.Target
		if vlan.VIP != "" {
			text += ", VIP " + vlan.VIP
		}
		in.Add(vlan.Name, "%s", text)
	}
}
