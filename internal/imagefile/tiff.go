package imagefile

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/tiff"
)

// Tags of a TIFF file's first directory.
const (
	tiffCompression = 0x0103
	tiffPhotometric = 0x0106
	tiffOrientation = 0x0112
)

// decodeTIFF turns the pictures of fax machines to what libtiff, and so Pillow, makes of
// them where black has the number zero: there the code's white runs are zeros, too.
func decodeTIFF(data []byte) (*Picture, error) {
	const group3, group4, blackIsZero = 3, 4, 1
	img, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	compression, _ := tiffTag(data, tiffCompression)
	photometric, _ := tiffTag(data, tiffPhotometric)
	gray, ok := img.(*image.Gray)
	if ok && photometric == blackIsZero && (compression == group3 || compression == group4) {
		for i, v := range gray.Pix {
			gray.Pix[i] = ^v
		}
	}
	return &Picture{Image: img}, nil
}

// tiffMetadata is the file itself.
func tiffMetadata(data []byte) metadata { return metadata{exif: data} }

// tiffTag finds a tag in the first directory of a TIFF file: the last that has a whole
// number, as Pillow does. The directory is 12 bytes a tag and at most 65535 tags, so
// that little is read of whatever stands there.
func tiffTag(file []byte, tag uint16) (v int64, ok bool) {
	if len(file) < 8 {
		return 0, false
	}
	var order binary.ByteOrder
	switch string(file[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 0, false
	}
	if magic := order.Uint16(file[2:]); magic != 42 {
		return 0, false
	}
	at := uint64(order.Uint32(file[4:]))
	if at+2 > uint64(len(file)) {
		return 0, false
	}
	tags := int(order.Uint16(file[at:]))
	for entry := file[at+2:]; tags > 0 && len(entry) >= 12; tags, entry = tags-1, entry[12:] {
		if order.Uint16(entry) != tag {
			continue
		}
		if first, whole := firstValue(file, entry, order); whole {
			v, ok = first, true
		}
	}
	return v, ok
}
