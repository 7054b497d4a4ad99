package diffusion

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// The settings of a Guider in a text are its exported fields: numbers, lists of texts, the
// two ends of an Interval, and a ScaleSchedule of this package.

// cutText cuts a text at a mark that is not between quotes; a plus that a digit or a dot
// follows is part of a number.
func cutText(text string, mark byte) (parts []string, err error) {
	from := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted, err := strconv.QuotedPrefix(text[i:])
			if err != nil {
				return nil, errors.New("have a quote that does not end")
			}
			i += len(quoted) - 1
		case text[i] == mark && !(mark == '+' && i+1 < len(text) && (text[i+1] == '.' || text[i+1] >= '0' && text[i+1] <= '9')):
			parts, from = append(parts, text[from:i]), i+1
		}
	}
	return append(parts, text[from:]), nil
}

// set sets the field of a Guider that a key names.
func set(v reflect.Value, key, value string) error {
	var keys []string
	for _, s := range fieldsOf(v) {
		for _, k := range s.keys {
			if k == key {
				if err := s.set(k, value); err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
				return nil
			}
			keys = append(keys, k)
		}
	}
	return fmt.Errorf("have setting %.100q, want one of %.200q", key, keys)
}

// settingsOf are those of a Guider that are not zero, each with its key.
func settingsOf(v reflect.Value) (settings []string, err error) {
	for _, s := range fieldsOf(v) {
		if s.at.IsZero() {
			continue
		}
		text, err := s.format()
		if err != nil {
			return nil, err
		}
		settings = append(settings, text)
	}
	return settings, nil
}

// textField is a field of a Guider with its keys.
type textField struct {
	keys []string
	at   reflect.Value
}

// fieldsOf are the fields of a struct that settings name.
func fieldsOf(v reflect.Value) (list []textField) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch at := v.Field(i); f.Type {
		case reflect.TypeFor[Guider](), reflect.TypeFor[ScaledGuider]():
		case reflect.TypeFor[Interval]():
			list = append(list, fieldsOf(at)...)
		case reflect.TypeFor[ScaleSchedule]():
			list = append(list, textField{[]string{"linear", "cosine", "list"}, at})
		default:
			list = append(list, textField{[]string{settingKey(f.Name)}, at})
		}
	}
	return list
}

// settingKey is the key of a field: "zero-steps" of ZeroSteps.
func settingKey(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// set sets the field to what a value says.
func (f textField) set(key, value string) error {
	parts, err := cutText(value, '/')
	if err != nil {
		return err
	}
	if f.at.Type() == reflect.TypeFor[[]string]() {
		list := make([]string, len(parts))
		for i, part := range parts {
			if list[i] = strings.TrimSpace(part); strings.HasPrefix(list[i], `"`) {
				if list[i], err = strconv.Unquote(list[i]); err != nil {
					return fmt.Errorf("have %.100q, want a text between quotes", part)
				}
			}
		}
		f.at.Set(reflect.ValueOf(list))
		return nil
	}
	numbers := make([]float64, len(parts))
	for i, part := range parts {
		if numbers[i], err = strconv.ParseFloat(strings.TrimSpace(part), 64); err != nil || math.IsNaN(numbers[i]) {
			return fmt.Errorf("have %.100q, want a number", part)
		}
	}
	return f.setNumbers(key, numbers)
}

func (f textField) setNumbers(key string, numbers []float64) error {
	if f.at.Kind() == reflect.Interface { // a ScaleSchedule
		switch two := len(numbers) == 2; {
		case !f.at.IsNil():
			return errors.New("have two schedules, want one")
		case key == "list":
			f.at.Set(reflect.ValueOf(ScaleList(numbers)))
		case !two:
			return fmt.Errorf("have %d numbers, want the first and the last, such as 1/9", len(numbers))
		case key == "linear":
			f.at.Set(reflect.ValueOf(LinearScale{numbers[0], numbers[1]}))
		default:
			f.at.Set(reflect.ValueOf(CosineScale{numbers[0], numbers[1]}))
		}
		return nil
	}
	if len(numbers) != 1 {
		return fmt.Errorf("have %d numbers, want one", len(numbers))
	}
	if f.at.CanInt() {
		if numbers[0] != math.Trunc(numbers[0]) || math.Abs(numbers[0]) > 1<<30 {
			return fmt.Errorf("have %v, want a whole number", numbers[0])
		}
		f.at.SetInt(int64(numbers[0]))
		return nil
	}
	f.at.SetFloat(numbers[0])
	return nil
}

// format returns the field's setting.
func (f textField) format() (string, error) {
	switch x := f.at.Interface().(type) {
	case float64:
		return f.keys[0] + "=" + formatNumbers(x), nil
	case int:
		return f.keys[0] + "=" + strconv.Itoa(x), nil
	case []string:
		list := make([]string, len(x))
		for i, s := range x {
			if list[i] = s; s == "" || s != strings.TrimSpace(s) || strings.ContainsAny(s, ",/+:\"= \t\r\n") || !strconv.CanBackquote(s) {
				list[i] = strconv.Quote(s)
			}
		}
		return f.keys[0] + "=" + strings.Join(list, "/"), nil
	case LinearScale:
		return "linear=" + formatNumbers(x.First, x.Last), nil
	case CosineScale:
		return "cosine=" + formatNumbers(x.First, x.Last), nil
	case ScaleList:
		return "list=" + formatNumbers(x...), nil
	default:
		return "", fmt.Errorf("have a %T, which has no name", x)
	}
}

// formatNumbers writes numbers, none of which is NaN, between slashes.
func formatNumbers(numbers ...float64) string {
	list := make([]string, len(numbers))
	for i, v := range numbers {
		list[i] = strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+"))
	}
	return strings.Join(list, "/")
}
