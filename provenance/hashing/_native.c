/* Writes the canonical encoding of small builtin values: the bytes that `provenance.hashing.grammar` specifies.

   It covers None, bool, int of 64 bits, float, complex, str and bytes, and tuples, lists and dicts of them that are
   neither packed nor longer than the limit. Whatever else it meets it leaves to the plain Python code beside it.

   Longer than 400 lines: what hashes what it writes, without a Python object in between, belongs to it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>
#include "_chunk.h"

#define MOST_CHILDREN 64
#define FIRST_ROOM 2048

enum { FAILED = -1, LEFT = 0, WRITTEN = 1 };

/* Numbers of the format, and levels of containers that are looked into; `provenance.hashing.native` sets them. */
static Py_ssize_t inline_limit, pack_minimum;
static int most_levels;

typedef struct {
    unsigned char *data;
    Py_ssize_t size;
    Py_ssize_t room;
    unsigned char first[FIRST_ROOM];
} Output;

static void
begin(Output *out)
{
    out->data = out->first;
    out->size = 0;
    out->room = FIRST_ROOM;
}

static void
end(Output *out)
{
    if (out->data != out->first) {
        PyMem_Free(out->data);
    }
}

/* Room for so many more bytes, which count as written; NULL with MemoryError. */
static unsigned char *
extend(Output *out, Py_ssize_t count)
{
    if (out->room - out->size < count) {
        Py_ssize_t room = 2 * out->room + count;
        unsigned char *data = out->data == out->first ? PyMem_Malloc(room) : PyMem_Realloc(out->data, room);
        if (data == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        if (out->data == out->first) {
            memcpy(data, out->first, out->size);
        }
        out->data = data;
        out->room = room;
    }
    out->size += count;
    return out->data + out->size - count;
}

static void
put_count(unsigned char *place, Py_ssize_t value)
{
    unsigned long bits = (unsigned long)value;
    for (int i = 0; i < 4; i++) {
        place[i] = (unsigned char)(bits >> 8 * i);
    }
}

static int
write_head(Output *out, char tag, Py_ssize_t count)
{
    unsigned char *place = extend(out, 5);
    if (place == NULL) {
        return FAILED;
    }
    place[0] = (unsigned char)tag;
    put_count(place + 1, count);
    return WRITTEN;
}

static int
write_tag(Output *out, char tag)
{
    unsigned char *place = extend(out, 1);
    if (place == NULL) {
        return FAILED;
    }
    place[0] = (unsigned char)tag;
    return WRITTEN;
}

static int
write_data(Output *out, char tag, const char *data, Py_ssize_t size)
{
    if (size > inline_limit - 5) {
        return LEFT;
    }
    if (write_head(out, tag, size) < 0) {
        return FAILED;
    }
    unsigned char *place = extend(out, size);
    if (place == NULL) {
        return FAILED;
    }
    memcpy(place, data, size);
    return WRITTEN;
}

static int
write_text(Output *out, PyObject *text)
{
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return write_data(out, 'u', PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text));
    }
    if (PyUnicode_GET_LENGTH(text) > inline_limit) {
        return LEFT;
    }
    PyObject *data = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (data == NULL) {
        return FAILED;
    }
    int result = write_data(out, 'u', PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    Py_DECREF(data);
    return result;
}

static int
write_integer(Output *out, PyObject *number)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) {
        return LEFT;
    }
    if (value >= -2147483648LL && value <= 2147483647LL) {
        return write_head(out, 'i', (Py_ssize_t)value);
    }
    unsigned long long rest = value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    unsigned char digits[10];
    Py_ssize_t count = 0;
    for (; rest; rest >>= 15, count++) {
        digits[2 * count] = (unsigned char)(rest & 0xFF);
        digits[2 * count + 1] = (unsigned char)(rest >> 8 & 0x7F);
    }
    if (write_head(out, 'l', value < 0 ? -count : count) < 0) {
        return FAILED;
    }
    unsigned char *place = extend(out, 2 * count);
    if (place == NULL) {
        return FAILED;
    }
    memcpy(place, digits, 2 * count);
    return WRITTEN;
}

static int
write_doubles(Output *out, char tag, const double *numbers, int count)
{
    unsigned char *place = extend(out, 1 + 8 * count);
    if (place == NULL) {
        return FAILED;
    }
    place[0] = (unsigned char)tag;
    for (int i = 0; i < count; i++) {
        if (PyFloat_Pack8(numbers[i], (char *)place + 1 + 8 * i, 1) < 0) {
            return FAILED;
        }
    }
    return WRITTEN;
}

static int write_child(Output *, PyObject *, int levels);

static int
write_children(Output *out, PyObject *const *children, Py_ssize_t count, int levels)
{
    if (write_head(out, '(', count) < 0) {
        return FAILED;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        int result = write_child(out, children[i], levels);
        if (result != WRITTEN) {
            return result;
        }
    }
    return WRITTEN;
}

static int
write_sequence(Output *out, PyObject *value, int levels)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(value);
    if (count >= pack_minimum) {
        return LEFT;
    }
    Py_ssize_t head = out->size;
    int result = write_children(out, PySequence_Fast_ITEMS(value), count, levels);
    if (PyList_CheckExact(value)) {
        out->data[head] = '[';
    }
    return result;
}

/* Whether a value of this type may be written: what else it is, is found when it is. */
static int
is_covered(PyObject *value)
{
    return value == Py_None || PyUnicode_CheckExact(value) || PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
           PyBool_Check(value) || PyBytes_CheckExact(value) || PyComplex_CheckExact(value) ||
           PyDict_CheckExact(value) || PyTuple_CheckExact(value) || PyList_CheckExact(value);
}

/* Whether the key comes before the other. Both are of the kind that was checked: strings, or integers of 64 bits. */
static int
precedes(PyObject *key, PyObject *other, int text)
{
    if (text) {
        return PyUnicode_Compare(key, other) < 0;
    }
    return PyLong_AsLongLong(key) < PyLong_AsLongLong(other);
}

/* The items of a dict in the order of its keys; LEFT if these are neither all strings nor all integers of 64 bits, or
   if a value will be left. */
static int
order_items(PyObject *dict, PyObject **keys, PyObject **values)
{
    Py_ssize_t position = 0, count = 0;
    PyObject *key, *value;
    int text = 1;
    while (PyDict_Next(dict, &position, &key, &value)) {
        if (!is_covered(value)) {
            return LEFT;
        }
        if (count == 0) {
            text = PyUnicode_CheckExact(key);
        }
        if (text) {
            if (!PyUnicode_CheckExact(key)) {
                return LEFT;
            }
        }
        else {
            int overflow = 0;
            if (!PyLong_CheckExact(key) || (PyLong_AsLongLongAndOverflow(key, &overflow), overflow)) {
                return LEFT;
            }
        }
        Py_ssize_t place = count++;
        while (place > 0 && precedes(key, keys[place - 1], text)) {
            keys[place] = keys[place - 1];
            values[place] = values[place - 1];
            place--;
        }
        keys[place] = key;
        values[place] = value;
    }
    return WRITTEN;
}

static int
write_mapping(Output *out, PyObject *dict, int levels)
{
    PyObject *keys[MOST_CHILDREN], *values[MOST_CHILDREN];
    Py_ssize_t count = PyDict_GET_SIZE(dict);
    if (count >= pack_minimum || count > MOST_CHILDREN) {
        return LEFT;
    }
    int result = order_items(dict, keys, values);
    if (result == WRITTEN && (write_head(out, '(', 3) < 0 || write_tag(out, 'S') < 0)) {
        return FAILED;
    }
    if (result == WRITTEN) {
        result = write_children(out, keys, count, levels);
    }
    return result == WRITTEN ? write_children(out, values, count, levels) : result;
}

static int
write_value(Output *out, PyObject *value, int levels)
{
    if (value == Py_None) {
        return write_tag(out, 'N');
    }
    if (PyUnicode_CheckExact(value)) {
        return write_text(out, value);
    }
    if (PyLong_CheckExact(value)) {
        return write_integer(out, value);
    }
    if (PyFloat_CheckExact(value)) {
        return write_doubles(out, 'g', &((PyFloatObject *)value)->ob_fval, 1);
    }
    if (PyBool_Check(value)) {
        return write_tag(out, value == Py_True ? 'T' : 'F');
    }
    if (PyBytes_CheckExact(value)) {
        return write_data(out, 's', PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    }
    if (PyComplex_CheckExact(value)) {
        Py_complex number = PyComplex_AsCComplex(value);
        double parts[] = {number.real, number.imag};
        return write_doubles(out, 'y', parts, 2);
    }
    if (levels > 0 && PyDict_CheckExact(value)) {
        return write_mapping(out, value, levels - 1);
    }
    if (levels > 0 && (PyTuple_CheckExact(value) || PyList_CheckExact(value))) {
        return write_sequence(out, value, levels - 1);
    }
    return LEFT;
}

/* C of a value that is no longer than the limit. What was written of one that is left has to be dropped. */
static int
write_child(Output *out, PyObject *value, int levels)
{
    Py_ssize_t start = out->size;
    int result = write_value(out, value, levels);
    return result == WRITTEN && out->size - start > inline_limit ? LEFT : result;
}

static PyObject *
set_grammar(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_ssize_t limit, pack;
    int levels;
    if (!PyArg_ParseTuple(args, "nni", &limit, &pack, &levels)) {
        return NULL;
    }
    inline_limit = limit;
    pack_minimum = pack;
    most_levels = levels;
    Py_RETURN_NONE;
}

static PyObject *
small(PyObject *Py_UNUSED(module), PyObject *value)
{
    Output out;
    begin(&out);
    int result = write_child(&out, value, most_levels);
    PyObject *data = NULL;
    if (result == WRITTEN) {
        data = PyBytes_FromStringAndSize((char *)out.data, out.size);
    }
    else if (result == LEFT) {
        data = Py_NewRef(Py_None);
    }
    end(&out);
    return data;
}

/* Hex digits of the hash of a value; None if it is left, or longer than one chunk. */
static PyObject *
digest(PyObject *Py_UNUSED(module), PyObject *value)
{
    Output out;
    begin(&out);
    int result = write_child(&out, value, most_levels);
    PyObject *text = NULL;
    if (result == WRITTEN && out.size <= CHUNK_SIZE) {
        text = PyUnicode_New(2 * DIGEST_SIZE, 127);
        if (text != NULL) {
            write_digest(out.data, (size_t)out.size, PyUnicode_DATA(text));
        }
    }
    else if (result != FAILED) {
        text = Py_NewRef(Py_None);
    }
    end(&out);
    return text;
}

static PyObject *
run(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values;
    Py_ssize_t place, stop;
    if (!PyArg_ParseTuple(args, "Onn", &values, &place, &stop)) {
        return NULL;
    }
    if (!(PyTuple_CheckExact(values) || PyList_CheckExact(values)) || place < 0) {
        PyErr_SetString(PyExc_TypeError, "run(tuple or list, start, stop)");
        return NULL;
    }
    Output out;
    begin(&out);
    int result = WRITTEN;
    for (; place < stop && place < PySequence_Fast_GET_SIZE(values); place++) {
        Py_ssize_t start = out.size;
        result = write_child(&out, PySequence_Fast_GET_ITEM(values, place), most_levels);
        if (result != WRITTEN) {
            out.size = start;
            break;
        }
    }
    PyObject *pair = result == FAILED ? NULL : Py_BuildValue("(y#n)", out.data, out.size, place);
    end(&out);
    return pair;
}

static PyMethodDef methods[] = {
    {"set_grammar", set_grammar, METH_VARARGS, NULL},
    {"small", small, METH_O, NULL},
    {"digest", digest, METH_O, NULL},
    {"run", run, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
