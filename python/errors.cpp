// SPDX-License-Identifier: Apache-2.0
#include "python/errors.hpp"

#include <exception>
#include <string>

#include "python/values.hpp"
#include "simulator/common/error.hpp"

namespace py = pybind11;

namespace tilewake::python {
namespace {

/// Borrowed from the module, which is never unloaded.
struct ErrorClasses {
  PyObject* error = nullptr;
  PyObject* input = nullptr;
  PyObject* io = nullptr;
  PyObject* usage = nullptr;
  PyObject* simulation = nullptr;
  PyObject* interrupted = nullptr;
};
ErrorClasses classes;

PyObject* add_class(py::module_& module, const char* name, const char* doc, const py::tuple& bases,
                    ExitCode code) {
  const std::string full_name = std::string("tilewake.") + name;
  py::dict members;
  members["exit_code"] = static_cast<int>(code);
  PyObject* const type =
      PyErr_NewExceptionWithDoc(full_name.c_str(), doc, bases.ptr(), members.ptr());
  if (type == nullptr) throw py::error_already_set();
  module.add_object(name, py::reinterpret_borrow<py::object>(type));
  return type;
}

void set_error(PyObject* type, const std::exception& error) {
  PyErr_SetObject(type, text_of(error.what()).ptr());
}

void translate(std::exception_ptr exception) {
  try {
    if (exception) std::rethrow_exception(exception);
  } catch (const IoError& e) {
    set_error(classes.io, e);
  } catch (const InputError& e) {
    set_error(classes.input, e);
  } catch (const UsageError& e) {
    set_error(classes.usage, e);
  } catch (const SimulationError& e) {
    set_error(classes.simulation, e);
  } catch (const Interrupted& e) {
    set_error(classes.interrupted, e);
  } catch (const Error& e) {
    set_error(classes.error, e);
  }
}

}  // namespace

void add_errors(py::module_& module) {
  const auto bases = [](auto... types) { return py::make_tuple(py::handle(types)...); };
  classes.error = add_class(module, "Error",
                            "Base of Tilewake's exceptions. The message is one line; `exit_code` "
                            "is the exit code of the program after the same error.",
                            bases(PyExc_Exception), ExitCode::kInternal);
  classes.input = add_class(module, "InputError",
                            "A file or value is wrong. The message names file, line and key.",
                            bases(classes.error, PyExc_ValueError), ExitCode::kBadInput);
  classes.io = add_class(module, "IoError", "The system cannot read or write a file.",
                         bases(classes.input, PyExc_OSError), ExitCode::kBadInput);
  classes.usage = add_class(module, "UsageError", "An argument of a function is invalid.",
                            bases(classes.error, PyExc_ValueError), ExitCode::kUsage);
  classes.simulation = add_class(module, "SimulationError",
                                 "The simulated machine makes no progress: a defect of Tilewake.",
                                 bases(classes.error, PyExc_RuntimeError), ExitCode::kInternal);
  classes.interrupted = add_class(module, "Interrupted", "A progress callback returned False.",
                                  bases(classes.error), ExitCode::kInterrupted);
  py::register_exception_translator(translate);
}

}  // namespace tilewake::python
