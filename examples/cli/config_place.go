package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// item is a key, or a key and a place in its list.
var item = regexp.MustCompile(`^([^\[\]]+)\[(\d+)\]$`)

// place is where the key stands with which a mistake begins, "ssh: keys[0]: …", "node1.backup: …", or else the section that it
// belongs to, as file:line:column; empty where neither is in the file.
func (c *Config) place(problem string) string {
	path, _, _ := strings.Cut(problem, ": the ")
	words := strings.Split(path, ": ")
	for _, root := range []*yaml.Node{c.doc, valueOf(c.doc, "job")} {
		if at := find(root, words); at != nil {
			return fmt.Sprintf("%s:%d:%d", c.file, at.Line, at.Column)
		}
	}
	return ""
}

// at puts the place of a mistake before it, or at least the file.
func (c *Config) at(problem string) string { return cmp.Or(c.place(problem), c.file) + ": " + problem }

// Placed is an error of the job with the places of the keys that it names.
func (c *Config) Placed(err error) error {
	if err == nil {
		return nil
	}
	list := lines(err)
	for i, line := range list {
		if at := c.place(line); at != "" {
			list[i] = at + ": " + line
		}
	}
	return renamed{err, strings.Join(list, "\n")}
}

// find is the node of the longest path that leads from a node, or nil.
func find(at *yaml.Node, words []string) (place *yaml.Node) {
	for _, word := range words {
		parts := []string{word}
		if valueOf(at, word) == nil && !item.MatchString(word) {
			parts = strings.Split(word, ".")
		}
		for _, part := range parts {
			nth := -1
			if m := item.FindStringSubmatch(part); m != nil {
				part = m[1]
				nth, _ = strconv.Atoi(m[2])
			}
			next := valueOf(at, part)
			if next == nil {
				return place
			}
			at, place = next, next
			if nth >= 0 && next.Kind == yaml.SequenceNode && nth < len(next.Content) {
				at, place = next.Content[nth], next.Content[nth]
			}
		}
	}
	return place
}

// valueOf is the value behind a key; nil where there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	i := slices.IndexFunc(n.Content, func(k *yaml.Node) bool { return k.Value == key })
	if i < 0 || i%2 == 1 || i+1 >= len(n.Content) {
		return nil
	}
	return n.Content[i+1]
}
