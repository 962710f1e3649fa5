package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Say prints an answer in words, and gives the exit code for it.
func (a *App) Say(text string) (int, error) {
	_, err := io.WriteString(a.Stdout, text)
	return exitCode(err), err
}

// Answer prints an answer: as JSON or YAML, with the same keys, or as text.
func (a *App) Answer(format string, value any, text func() string) (int, error) {
	var raw []byte
	var err error
	switch format {
	case "json":
		raw, err = json.MarshalIndent(value, "", "  ")
		raw = append(raw, '\n')
	case "yaml":
		raw, err = asYAML(value)
	default:
		raw = []byte(text())
	}
	if err == nil {
		_, err = a.answers(format).Write(raw)
	}
	return exitCode(err), err
}

// asYAML is a value in YAML, with the keys and the order of its JSON.
func asYAML(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&node); err != nil {
		return nil, fmt.Errorf("JSON as YAML: %w", err)
	}
	block(&node)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err = errors.Join(enc.Encode(&node), enc.Close())
	return b.Bytes(), err
}

// block has a value printed on lines of its own, and quoted only where it must be.
func block(n *yaml.Node) {
	n.Style = 0
	for _, inner := range n.Content {
		block(inner)
	}
}
