metadata description = 'The table of findings, in the workspace\'s own resource group. Its columns are in findings-table.json.'

param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource findings 'Microsoft.OperationalInsights/workspaces/tables@2023-09-01' = {
  parent: workspace
  name: 'VizslaFindings_CL'
  properties: {
    plan: 'Analytics'
    schema: {
      name: 'VizslaFindings_CL'
      // A table writes the type's name in another case than a rule does.
      columns: [for column in loadJsonContent('../findings-table.json'): {
        name: column.name
        type: column.type == 'datetime' ? 'dateTime' : column.type
      }]
    }
  }
}

output location string = workspace.location
