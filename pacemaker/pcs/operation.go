package pcs

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Operation is one command on one node, as data. Argv and Stdin hold secrets in clear; String, GoString and JSON mask them.
type Operation struct {
	Name   string    // what it is, unique in a plan: "create MGS_32834e"
	Node   string    // the node it runs on, by its fully qualified name; empty when any node of the cluster will do
	Argv   []string  // never a shell line: a value with a blank or a $ is one argument (H13)
	Secret []int     // the indexes in Argv that hold a secret
	Stdin  string    // what the command reads
	Hidden bool      // Stdin holds a secret
	Asks   string    // what the command asks for on standard input and the caller has to give, such as the hacluster password
	Effect op.Effect // what it does to the cluster
	Repeat op.Repeat // whether it may run again when nobody knows if it ran
	Ref    string    // the place in the guide, such as lustre:988
	Why    string    // a remark for the reviewer; may be empty
	Makes  Making    // what there is when it has run, for who has to tell whether it did
	// Private does the same with the secrets on standard input: in the arguments of a command every user of the node can read them.
	// It is nil when Argv holds none. Review shows the operation, masked; what runs is Private where there is one.
	Private *Operation
}

// Making is what an operation makes, as data; the zero value says nothing of it.
type Making struct {
	Kind Kind
	ID   string // the resource, that of the location, the cluster, or the node
	Node string // of a location, and where the cluster runs or starts at boot; empty for the local one
}

// Kind is the kind of thing that an operation makes.
type Kind uint8

// The kinds.
const (
	Other      Kind = iota
	Resource        // a resource in the CIB
	Preference      // a location constraint of a resource and a node
	NewCluster      // the files of a cluster
	Member          // a node in a cluster
	Running         // the cluster runs on the node
	AtBoot          // the cluster starts at boot
	Relocation      // every resource is on the node that it prefers
)

// Runs is what is to be executed: Private where there is one, else the operation itself.
func (o Operation) Runs() Operation {
	if o.Private != nil {
		return *o.Private
	}
	return o
}

// masked is Argv with secrets masked: in name=value the name stays.
func (o Operation) masked() []string {
	argv := slices.Clone(o.Argv)
	for _, i := range o.Secret {
		if i < 0 || i >= len(argv) {
			continue
		}
		if name, value, ok := strings.Cut(argv[i], "="); ok && (pacemaker.SecretPair(name, value) || i > 0 && argv[i-1] != "--update") {
			argv[i] = name + "=" + pacemaker.Redacted
		} else {
			argv[i] = pacemaker.Redacted
		}
	}
	return argv
}

// String is the command as one shell line for a reader, secrets masked. To run it, take Argv.
func (o Operation) String() string {
	words := o.masked()
	for i, w := range words {
		words[i] = shellWord(w)
	}
	line := strings.Join(words, " ")
	if o.Stdin != "" {
		line += " <<< " + shellWord(o.maskedStdin())
	}
	return line
}

// maskedStdin is Stdin as it may be shown: of XML the values of secrets are masked, of anything else that hides one all of it.
func (o Operation) maskedStdin() string {
	if !o.Hidden || o.Stdin == "" {
		return o.Stdin
	}
	return pacemaker.MaskXML(o.Stdin)
}

// GoString is String, so that %#v prints no secret.
func (o Operation) GoString() string { return o.String() }

// MarshalJSON writes the operation for a report, secrets masked.
func (o Operation) MarshalJSON() ([]byte, error) {
	stdin := o.maskedStdin()
	return json.Marshal(struct {
		Name   string    `json:"name"`
		Node   string    `json:"node,omitempty"`
		Argv   []string  `json:"argv"`
		Stdin  string    `json:"stdin,omitempty"`
		Asks   string    `json:"asks,omitempty"`
		Effect op.Effect `json:"effect"`
		Repeat op.Repeat `json:"repeat"`
		Ref    string    `json:"ref,omitempty"`
		Why    string    `json:"why,omitempty"`
	}{o.Name, o.Node, o.masked(), stdin, o.Asks, o.Effect, o.Repeat, o.Ref, o.Why})
}

// shellWord quotes a word where a shell would take it apart.
func shellWord(w string) string {
	plain := w != "" && !strings.ContainsFunc(w, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@%[]", r)
	})
	if plain {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'"'"'`) + "'"
}

// Cmd is the operation as a command to run. The secrets in it go by standard input; answer is what it asks for, such as
// the password of hacluster. An operation that has a secret in its arguments and no private form makes a command that
// every Runner refuses.
func (o Operation) Cmd(answer sshexec.Secret) sshexec.Cmd {
	run := o.Runs()
	cmd := sshexec.Command(run.Effect, run.Argv...)
	for _, i := range run.Secret {
		cmd.Mask = append(cmd.Mask, sshexec.Secret(run.Argv[i]))
	}
	cmd.Stdin = run.input()
	if run.Asks != "" {
		cmd.Stdin = sshexec.SecretText(answer + "\n")
		cmd.Mask = append(cmd.Mask, answer)
	}
	return cmd
}

// input is what the operation reads, with the secrets in it named.
func (o Operation) input() sshexec.Input {
	switch {
	case o.Stdin == "":
		return sshexec.Input{}
	case !o.Hidden:
		return sshexec.Text(o.Stdin)
	}
	secrets, ok := pacemaker.SecretsInXML(o.Stdin)
	if !ok {
		return sshexec.SecretText(sshexec.Secret(o.Stdin))
	}
	return sshexec.SecretDocument(sshexec.Secret(o.Stdin), secrets...)
}
