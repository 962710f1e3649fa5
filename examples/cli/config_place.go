package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// item is a key, or a key and a place in its list.
var item = regexp.MustCompile(`^([^\[\]]+)\[(\d+)\]$`)

// at puts the place of the key with which a mistake begins before it: "ssh: keys[0]: …", "node1.backup: …", where the key
// is in the file or else the section that it belongs to.
func (c *Config) at(problem string) string {
	if c.doc == nil {
		return c.file + ": " + problem
	}
	path, _, _ := strings.Cut(problem, ": the ")
	words := strings.Split(path, ": ")
	for _, root := range []*yaml.Node{c.doc, valueOf(c.doc, "job")} {
		if place := find(root, words); place != nil {
			return fmt.Sprintf("%s:%d:%d: %s", c.file, place.Line, place.Column, problem)
		}
	}
	return c.file + ": " + problem
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
