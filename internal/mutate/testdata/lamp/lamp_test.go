package lamp

import (
	"fmt"
	"testing"
)

func TestSwitch(t *testing.T) {
	p := &Pair{hosts: [2]string{"a", "b"}}
	const want = "{[{dark  false 0s} {bulb a true 0s} {light a false 1m0s} {light b false 0s}] [{off a false 0s} {off b false 0s}]}"
	if got := fmt.Sprint(p.Switch()); got != want {
		t.Error(got)
	}
}

func TestLight(t *testing.T) {
	p := &Pair{}
	if err := p.Light("a"); err != nil || fmt.Sprint(p.journal) != "[light a lit]" {
		t.Error(p.journal, err)
	}
	if p.note("") == nil {
		t.Error("an empty note")
	}
}

func TestProbe(t *testing.T) {
	for answer, want := range map[string]ProbeResult{"on": Done, "off": NotRun, "": Inconclusive} {
		if got, err := Probe(0, answer); got != want || err != nil {
			t.Error(answer, got, err)
		}
	}
	if _, err := Probe(0, "warm"); err == nil {
		t.Error("warm")
	}
}

func TestBrighter(t *testing.T) {
	if Brighter(1, 2) != 2 || Brighter(2, 1) != 2 || Brighter(2, 2) != 2 {
		t.Error("the darker one")
	}
}

func TestEndless(*testing.T) { Endless(3) }
