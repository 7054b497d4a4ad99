package imagefile

import (
	"encoding/binary"
	"regexp"
)

// metadata is what a file says of itself: an EXIF block, which is a TIFF file
// without pixels, and an XMP document. Either may be missing or broken.
type metadata struct{ exif, xmp []byte }

func noMetadata([]byte) metadata { return metadata{} }

var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// orientationOf returns the orientation that the metadata asks for, 2 to 8, or 1.
// As in Pillow, XMP is asked where EXIF has none.
func orientationOf(m metadata) int {
	o, ok := exifOrientation(m.exif)
	if !ok {
		if match := xmpOrientation.FindSubmatch(m.xmp); match != nil {
			o = int64(match[1][0] - '0')
		}
	}
	if o < 2 || o > 8 {
		return 1
	}
	return int(o)
}

// exifOrientation finds the orientation in an EXIF block.
func exifOrientation(block []byte) (o int64, ok bool) {
	for len(block) >= 6 && string(block[:6]) == exifPrefix {
		block = block[6:]
	}
	return tiffTag(block, tiffOrientation)
}

// exifPrefix stands before the block in JPEG, and in some other files.
const exifPrefix = "Exif\x00\x00"

// firstValue returns the first number of a tag, if it has whole numbers.
func firstValue(block, entry []byte, order binary.ByteOrder) (v int64, ok bool) {
	kind, count := order.Uint16(entry[2:]), uint64(order.Uint32(entry[4:]))
	sizes := map[uint16]uint64{3: 2, 4: 4, 8: 2, 9: 4} // short, long, and both signed
	size := sizes[kind]
	if size == 0 || count == 0 {
		return 0, false
	}
	value := entry[8:12]
	if size*count > 4 {
		at := uint64(order.Uint32(value))
		if at+size*count > uint64(len(block)) {
			return 0, false
		}
		value = block[at:]
	}
	switch kind {
	case 3:
		return int64(order.Uint16(value)), true
	case 8:
		return int64(int16(order.Uint16(value))), true
	case 9:
		return int64(int32(order.Uint32(value))), true
	}
	return int64(order.Uint32(value)), true
}
