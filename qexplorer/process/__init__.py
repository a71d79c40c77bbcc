"""Child processes with limits: the only way slow work, or work on a stranger's file, is done.

``parent.run_in_child("qexplorer.load.child:load_file", {...}, limits=...)`` starts
``python -m qexplorer.process.child``, which calls the target as ``target(arguments, emit)`` and speaks JSON lines.
``places`` is the line in which all processes of a person wait for the machine. Nothing here imports the rest of the
package except ``core``.
"""
