package shop

import "testing"

func TestWatts(t *testing.T) {
	if Power(2) != 120 {
		t.Error(Power(2))
	}
}

func TestSlow(t *testing.T) { t.Error("it is left out") }
