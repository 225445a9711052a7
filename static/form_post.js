// Sends the form by itself. Without this script its button does the same.
document.getElementById('form-post').submit();
