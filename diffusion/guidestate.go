package diffusion

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// A saved run whose Guider keeps something of its images is
//
//	magic, version and length of the saved run as uint32, the saved run,
//	of each image one byte, 1 if something is kept, and that as float32,
//	then the SHA-256 of all that;
//
// numbers are little-endian.
const (
	guideMagic   = "sdgo-guide"
	guideVersion = 1
)

// save adds what the Guider keeps to a saved run.
func (g *guide) save(run []byte) []byte {
	kept := false
	for _, state := range g.states {
		kept = kept || state != nil
	}
	if !kept {
		return run
	}
	out := binary.LittleEndian.AppendUint32([]byte(guideMagic), guideVersion)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(run)))
	out = append(out, run...)
	for _, state := range g.states {
		if state == nil {
			out = append(out, 0)
			continue
		}
		out = append(out, 1)
		for _, v := range state {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// restore takes what the Guider kept from the bytes that save returned, and returns the
// saved run.
func (g *guide) restore(data []byte) ([]byte, error) {
	const head = len(guideMagic) + 8
	if !bytes.HasPrefix(data, []byte(guideMagic)) {
		return data, nil
	}
	body := len(data) - sha256.Size
	if body < head || sha256.Sum256(data[:body]) != [sha256.Size]byte(data[body:]) {
		return nil, fmt.Errorf("saved run: the checksum does not match: the bytes were changed or cut")
	}
	if version := binary.LittleEndian.Uint32(data[len(guideMagic):]); version != guideVersion {
		return nil, fmt.Errorf("saved run: have version %d of what a Guider keeps, want %d", version, guideVersion)
	}
	length, rest := binary.LittleEndian.Uint32(data[head-4:]), data[head:body]
	if uint64(length) > uint64(len(rest)) {
		return nil, fmt.Errorf("saved run: have %d bytes, want %d", len(rest), length)
	}
	run, rest := rest[:length], rest[length:]
	for i := range g.states {
		if len(rest) == 0 || rest[0] > 1 || rest[0] == 1 && len(rest) <= 4*g.size {
			return nil, fmt.Errorf("saved run: have %d bytes of what the Guider keeps of image %d, want %d", len(rest), i, 1+4*g.size)
		}
		kept := rest[0] == 1
		if rest = rest[1:]; !kept {
			continue
		}
		state := g.state(i)
		for j := range state {
			state[j] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*j:]))
		}
		rest = rest[4*g.size:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("saved run: have %d bytes more than a Guider keeps of %d images", len(rest), len(g.states))
	}
	return run, nil
}
